/** The direct lane on plain objects: attempts end when the test says so. */
import type { AttemptCall } from '../../../src/delivery/attempt';
import { DirectLane } from '../../../src/outbox/direct-lane';
import type { ClaimedDelivery } from '../../../src/store/claims';
import type { AttemptResult } from '../../../src/temporal/contracts';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';
import { claimedDelivery } from './claimed-delivery';

const claim = { by: 'this process', forMs: 30_000 };
const common = { attempts: 1, expires_at: '2030-01-01T00:00:00.000Z' };
const results = {
  success: { ...common, outcome: 'success', status: 204 },
  retry: { ...common, outcome: 'retry', status: 500, error_code: 'http_status', retry_after_ms: null },
  permanent: { ...common, outcome: 'permanent', status: 400, error_code: 'http_status', reason: 'REJECTED' },
  cancelled: { ...common, outcome: 'cancelled', reason: 'WEBHOOK_DISABLED' },
  parked: { ...common, outcome: 'parked' },
  busy: { ...common, outcome: 'busy' },
  ended: { ...common, outcome: 'ended', status: 'SUCCESS', reason: null, last_status_code: 204 },
} as const satisfies Record<string, AttemptResult>;

function arrange({ concurrency = 2, maxQueued = 100, started = true } = {}) {
  const memory = createMemoryTelemetry();
  const underWay: { call: AttemptCall; end: (result: AttemptResult | Error) => void }[] = [];
  const state = {
    handedOver: [] as string[],
    offers: [] as (readonly string[])[],
    putOff: [] as (readonly string[])[],
    told: 0,
    offered: [] as ClaimedDelivery[],
    onOffered: () => {},
  };
  const lane = new DirectLane({
    telemetry: memory.telemetry,
    claim,
    concurrency,
    maxQueued,
    attempt: (call) =>
      new Promise((resolve, reject) => {
        const end = (result: AttemptResult | Error) => (result instanceof Error ? reject(result) : resolve(result));
        underWay.push({ call, end });
      }),
    outbox: { handOver: (deliveries) => void state.handedOver.push(...deliveries.map(({ id }) => id)) },
    claims: {
      offered: 'direct',
      take: (_claim, limit) => Promise.resolve(state.offered.splice(0, limit)),
      offer: (ids) => Promise.resolve(void state.offers.push(ids)),
      putOff: (ids) => Promise.resolve(void state.putOff.push(ids)),
      tell: () => Promise.resolve(void state.told++),
      listen: (onOffered) => void (state.onOffered = onOffered),
      close: () => Promise.resolve(),
    },
  });
  if (started) lane.start();
  return { lane, state, underWay, memory };
}

const some = (count: number, webhookId = 'webhook') =>
  Array.from({ length: count }, () => claimedDelivery({ webhookId, direct: true }));

const turn = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => jest.useRealTimers());

describe('deliveries of the direct lane', () => {
  it('are attempted at once, as many at a time as may be', async () => {
    const { lane, underWay } = arrange({ concurrency: 2 });
    const deliveries = some(3);

    lane.handOver(deliveries);
    expect(underWay.map(({ call }) => call.delivery_id)).toEqual(deliveries.slice(0, 2).map(({ id }) => id));
    underWay[0]?.end(results.success);
    await turn();

    expect(underWay[2]?.call).toMatchObject({
      delivery_id: deliveries[2]?.id,
      run_id: null,
      try: 1,
      trigger: 'initial',
      started_replay_no: 0,
      direct: true,
      policy: { timeout_ms: 5000, ttl_ms: 86_400_000 },
    });
  });

  it.each([
    ['success', false],
    ['parked', false],
    ['ended', false],
    ['busy', false],
    ['retry', true],
    ['permanent', true],
    ['cancelled', true],
  ] as const)('after %s get a workflow: %s', async (outcome, workflow) => {
    const { lane, state, underWay } = arrange();
    const [delivery] = some(1) as [ClaimedDelivery];

    lane.handOver([delivery]);
    underWay[0]?.end(results[outcome]);
    await turn();

    expect(state.handedOver).toEqual(workflow ? [delivery.id] : []);
  });

  it('get a workflow when the attempt could not be made', async () => {
    const { lane, state, underWay, memory } = arrange();
    const [delivery] = some(1) as [ClaimedDelivery];

    lane.handOver([delivery]);
    underWay[0]?.end(new Error('KMS is away'));
    await turn();

    expect(state.handedOver).toEqual([delivery.id]);
    expect(memory.entries()).toMatchObject([{ event: 'direct.attempt_failed', delivery_id: delivery.id }]);
  });

  it('wait in Postgres behind one that found no slot', async () => {
    const { lane, state, underWay } = arrange({ concurrency: 1 });
    const full = some(3, 'full');
    const other = some(1, 'other');

    lane.handOver([...full, ...other]);
    underWay[0]?.end(results.busy);
    await turn();

    expect(state.putOff).toEqual([full.slice(1).map(({ id }) => id)]);
    expect(underWay[1]?.call.delivery_id).toBe(other[0]?.id);
  });

  it('wait in Postgres when there is no room for them', () => {
    const { lane, state } = arrange({ concurrency: 1, maxQueued: 4 });
    const deliveries = some(4);

    lane.handOver(deliveries);

    expect(state.putOff).toEqual([deliveries.slice(2).map(({ id }) => id)]);
  });

  it('of one tenant leave room to others', () => {
    const { lane, state } = arrange({ concurrency: 1, maxQueued: 4 });
    const other = claimedDelivery({ tenantId: 'other', webhookId: 'of another', direct: true });

    lane.handOver(some(10));
    lane.handOver([other]);

    expect(state.putOff.flat()).toHaveLength(8);
    expect(state.putOff.flat()).not.toContain(other.id);
  });

  it('that waited for half of their claim are left to the sweep', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const { lane, state, underWay } = arrange({ concurrency: 1 });
    const deliveries = some(2);

    lane.handOver(deliveries);
    jest.advanceTimersByTime(claim.forMs / 2 + 1);
    underWay[0]?.end(results.success);
    await turn();

    expect(underWay).toHaveLength(1);
    expect(state.handedOver).toEqual([]);
  });

  it('are claimed for as long as the attempt may take besides', () => {
    const { lane } = arrange();

    expect(lane.claimFor(7000)).toEqual({ by: 'this process', forMs: 37_000 });
  });
});

describe('a process that makes no attempts', () => {
  it('commits them for whoever does, and tells of many by one notification', () => {
    jest.useFakeTimers();
    const { lane, state, underWay } = arrange({ started: false });

    lane.handOver(some(1));
    lane.handOver(some(2));
    jest.runAllTimers();

    expect(lane.claimFor(7000)).toEqual({ by: 'direct', forMs: 30_000 });
    expect([state.told, underWay.length]).toEqual([1, 0]);
  });
});

describe('a process that makes attempts', () => {
  it('takes what others offer, as much as it has room for', async () => {
    const { state, underWay } = arrange({ concurrency: 2, maxQueued: 6 });
    state.offered = some(10);

    state.onOffered();
    await turn();

    expect(underWay).toHaveLength(2);
    expect(state.offered.length).toBeGreaterThanOrEqual(5);
  });

  it('offers what it has not got to when it stops, and lets attempts end', async () => {
    const { lane, state, underWay } = arrange({ concurrency: 1 });
    const deliveries = some(3);
    lane.handOver(deliveries);

    let stopped = false;
    const stopping = lane.stop().then(() => (stopped = true));
    await turn();
    expect(stopped).toBe(false);
    underWay[0]?.end(results.retry);
    await stopping;

    expect(state.offers).toEqual([deliveries.slice(1).map(({ id }) => id)]);
    expect(state.handedOver).toEqual([deliveries[0]?.id]);
  });
});
