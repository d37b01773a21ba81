/** Catching up on plain objects: parked deliveries live in a list, and signals end as the test says. */
import { catchUp, type CatchUpDeps } from '../../../src/delivery/catch-up';
import type { WebhookStanding } from '../../../src/store/fan-out';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

const standing: WebhookStanding = {
  url: 'https://example.com/',
  state: 'active',
  stateReason: null,
  deleted: false,
  lastDisabledAt: null,
  tenantId: 'acme',
  stateVersion: 3,
  stateChangedAt: new Date(0),
  fannedOutVersion: 1,
};

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i).padStart(4, '0'));

function arrange({
  parked = 0,
  overtaken = 0,
  rate = 10_000,
  signal = () => Promise.resolve(true),
  neverStarted = [],
}: {
  parked?: number;
  overtaken?: number;
  rate?: number;
  signal?: (deliveryId: string) => Promise<boolean>;
  /** Of the parked ones. */
  neverStarted?: readonly string[];
}) {
  const state = {
    fannedOutVersion: standing.fannedOutVersion,
    parked: idsOf(parked),
    overtaken: idsOf(overtaken),
    signalled: [] as string[],
    /** Versions of the webhook. */
    announced: [] as number[],
    /** What was written, in its order. */
    written: [] as { what: string; ids: readonly string[] }[],
    overtakenReads: 0,
    /** Where each page of parked deliveries began. */
    parkedReads: [] as string[],
  };
  const deps: CatchUpDeps = {
    telemetry: createMemoryTelemetry().telemetry,
    rate,
    announce: (_webhookId, { stateVersion }) => Promise.resolve(void state.announced.push(stateVersion)),
    fanOut: {
      standing: () => Promise.resolve({ ...standing, fannedOutVersion: state.fannedOutVersion }),
      overtaken: (_webhookId, _standing, limit) => {
        state.overtakenReads++;
        return Promise.resolve(state.overtaken.slice(0, limit));
      },
      cancel: (_webhookId, ids) => {
        state.overtaken = state.overtaken.filter((id) => !ids.includes(id));
        return Promise.resolve(void state.written.push({ what: 'cancelled', ids }));
      },
      parked: (_webhookId, _version, afterId, limit) => {
        state.parkedReads.push(afterId);
        const page = state.parked.filter((id) => id > afterId).slice(0, limit);
        return Promise.resolve(page.map((id) => ({ id, hasRun: !neverStarted.includes(id) })));
      },
      letWait: (_webhookId, ids) => {
        state.parked = state.parked.filter((id) => !ids.includes(id));
        return Promise.resolve(void state.written.push({ what: 'let wait', ids }));
      },
      markTold: (ids) => {
        state.parked = state.parked.filter((id) => !ids.includes(id));
        return Promise.resolve(void state.written.push({ what: 'told', ids }));
      },
      handToSweep: (ids) => {
        state.parked = state.parked.filter((id) => !ids.includes(id));
        return Promise.resolve(void state.written.push({ what: 'handed to the sweep', ids }));
      },
      finish: (_webhookId, version) => Promise.resolve(void (state.fannedOutVersion = version)),
    },
    replayRuns: { step: () => Promise.resolve(undefined) },
    outbox: { claim: { by: 'this process', forMs: 30_000 }, handOver: () => {} },
    signal: (deliveryId) => {
      state.signalled.push(deliveryId);
      return signal(deliveryId);
    },
  };
  const run = (budgetMs = 5_000) => catchUp(deps, 'w1', { budgetMs, signal: new AbortController().signal });
  return { state, run };
}

describe('parked deliveries', () => {
  it('are told once each, and then the change is done with', async () => {
    const { state, run } = arrange({ parked: 250 });

    const result = await run();

    expect(result).toMatchObject({ resumed: 250, more: false });
    expect(state.signalled.toSorted()).toEqual(idsOf(250));
    expect(state.announced).toEqual([standing.stateVersion]);
    expect(state.fannedOutVersion).toBe(standing.stateVersion);
  });

  it('wait to be admitted when they were never started, and are not signalled', async () => {
    const { state, run } = arrange({ parked: 3, neverStarted: ['0000', '0002'] });

    const result = await run();

    expect(result).toMatchObject({ resumed: 3, more: false });
    expect(state.signalled).toEqual(['0001']);
    expect(state.written[0]).toEqual({ what: 'let wait', ids: ['0000', '0002'] });
  });

  it('are read on from where the page before ended, without looking for overtaken ones again', async () => {
    const { state, run } = arrange({ parked: 250 });

    await run();

    expect(state.parkedReads).toEqual(['', '0099', '0199', '0249']);
    expect(state.overtakenReads).toBe(1);
  });

  it('go to the sweep when they have no run, before anything says that they were told', async () => {
    const { state, run } = arrange({ parked: 3, signal: (id) => Promise.resolve(id !== '0001') });

    await run();

    expect(state.written).toEqual([
      { what: 'handed to the sweep', ids: ['0001'] },
      { what: 'told', ids: ['0000', '0002'] },
    ]);
  });

  it('are told although one of them cannot be', async () => {
    const refusing = (id: string) =>
      id === '0000' ? Promise.reject(new Error('too many signals')) : Promise.resolve(true);
    const { state, run } = arrange({ parked: 250, signal: refusing });

    await expect(run()).rejects.toThrow('too many signals');
    await expect(run()).rejects.toThrow('too many signals');

    expect(state.parked).toHaveLength(250 - 99 - 99);
    expect(state.parked[0]).toBe('0000');
    expect(state.fannedOutVersion).toBe(standing.fannedOutVersion);
  });

  it('go on at the rate that is set, however short the calls are', async () => {
    const { state, run } = arrange({ parked: 60, rate: 100 });
    const startedAt = performance.now();

    while ((await run(1)).more);

    expect(state.signalled).toHaveLength(60);
    expect(performance.now() - startedAt).toBeGreaterThan(550);
  });
});

describe('overtaken deliveries', () => {
  it('end although one of them cannot be told', async () => {
    const refusing = (id: string) => (id === '0000' ? Promise.reject(new Error('away')) : Promise.resolve(true));
    const { state, run } = arrange({ overtaken: 30, signal: refusing });

    await expect(run()).rejects.toThrow('away');

    expect(state.overtaken).toEqual(['0000']);
  });
});
