/** The outbox on plain objects: starts end when the test says so, and claims live in a list. */
import { Outbox } from '../../../src/outbox/outbox';
import type { ClaimedDelivery } from '../../../src/store/claims';
import type { StartResult } from '../../../src/temporal/client';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';
import { waitFor } from '../../support/wait-for';
import { claimedDelivery } from './claimed-delivery';

const claim = { by: 'this process', forMs: 30_000 };

interface Arranged {
  concurrency?: number;
  maxQueued?: number;
  claimMs?: number;
}

function arrange({ concurrency = 2, maxQueued, claimMs }: Arranged = {}) {
  const memory = createMemoryTelemetry();
  /** Starts under way, in the order in which they were begun. */
  const underWay: { id: string; end: (result: StartResult | Error) => void }[] = [];
  const state = {
    started: [] as string[],
    woken: [] as string[],
    mostUnderWay: 0,
    marked: [] as string[],
    released: [] as (readonly string[])[],
    releaseFails: undefined as Error | undefined,
    /** What was recorded as ended: id, run and reason. */
    ends: [] as unknown[][],
    /** Whether recording an end finds the delivery open still. */
    endChanges: true,
    endFails: undefined as Error | undefined,
    /** What the sweep will find, one batch for each statement. */
    lapsed: [] as ClaimedDelivery[][],
    overdue: [] as ClaimedDelivery[][],
    takeOvers: 0,
    /** What Temporal answers about its backlog, one after another; then it has none. */
    taskBacklogs: [] as (number | Error)[],
    /** When set, every start ends with it at once. */
    answer: undefined as StartResult | Error | undefined,
    takeOverFails: undefined as Error | undefined,
  };
  const outbox = new Outbox({
    telemetry: memory.telemetry,
    claim: claimMs === undefined ? claim : { ...claim, forMs: claimMs },
    concurrency,
    sweepIntervalMs: 10_000,
    ...(maxQueued !== undefined && { maxQueued }),
    start: ({ input }) => {
      state.started.push(input.delivery_id);
      return new Promise((resolve, reject) => {
        const entry = {
          id: input.delivery_id,
          end: (result: StartResult | Error) => {
            underWay.splice(underWay.indexOf(entry), 1);
            if (result instanceof Error) reject(result);
            else resolve(result);
          },
        };
        underWay.push(entry);
        state.mostUnderWay = Math.max(state.mostUnderWay, underWay.length);
        if (state.answer !== undefined) entry.end(state.answer);
      });
    },
    taskBacklog: () => {
      const tasks = state.taskBacklogs.shift() ?? 0;
      return tasks instanceof Error ? Promise.reject(tasks) : Promise.resolve(tasks);
    },
    wake: (id) => Promise.resolve(void state.woken.push(id)),
    claims: {
      takeOver: (by, limit) => {
        state.takeOvers++;
        expect(by).toBe(claim);
        if (state.takeOverFails) return Promise.reject(state.takeOverFails);
        const batch = state.lapsed.shift() ?? [];
        expect(batch.length).toBeLessThanOrEqual(limit);
        return Promise.resolve(batch);
      },
      takeOverdue: (by, limit) => {
        expect(by).toBe(claim);
        const batch = state.overdue.shift() ?? [];
        expect(batch.length).toBeLessThanOrEqual(limit);
        return Promise.resolve(batch);
      },
      isOpen: () => Promise.resolve(true),
      markStarted: (_claim, id) => Promise.resolve(void state.marked.push(id)),
      release: (by, ids) => {
        expect(by).toBe(claim);
        state.released.push(ids);
        return state.releaseFails ? Promise.reject(state.releaseFails) : Promise.resolve();
      },
    },
    deliveryEnds: {
      record: (...end) => {
        state.ends.push(end);
        if (state.endFails) return Promise.reject(state.endFails);
        return Promise.resolve({ changed: state.endChanges, attempts: 3, lastStatusCode: null });
      },
    },
  });
  return { outbox, state, underWay, memory };
}

function some(count: number): ClaimedDelivery[] {
  return Array.from({ length: count }, () => claimedDelivery());
}

const idsOf = (deliveries: readonly ClaimedDelivery[]) => deliveries.map(({ id }) => id);

/** Lets everything run that waits for nothing but its turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const isPending = async (work: Promise<unknown>) => {
  let ended = false;
  void work.then(() => (ended = true));
  await turn();
  return !ended;
};

afterEach(() => jest.useRealTimers());

describe('deliveries handed over', () => {
  it('are started in turn between tenants and their webhooks', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 1 });
    const many = Array.from({ length: 5 }, () => claimedDelivery({ tenantId: 'many', webhookId: 'w1' }));
    const few = claimedDelivery({ tenantId: 'few', webhookId: 'w2' });

    outbox.handOver(many);
    outbox.handOver([few]);
    for (let n = 0; n < 3; n++) {
      underWay[0]?.end('queued');
      await turn();
    }

    expect(state.started.slice(0, 3)).toContain(few.id);
  });

  it('are started at once, each with its own input', () => {
    const { outbox, state } = arrange({ concurrency: 5 });
    const deliveries = some(3);

    outbox.handOver(deliveries);

    expect(state.started).toEqual(idsOf(deliveries));
  });

  it('are started a few at a time, in their order', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 2 });
    const deliveries = some(5);

    outbox.handOver(deliveries.slice(0, 3));
    outbox.handOver(deliveries.slice(3));
    while (underWay.length > 0) {
      underWay[0]?.end('queued');
      await turn();
    }

    expect(state.started).toEqual(idsOf(deliveries));
    expect(state.mostUnderWay).toBe(2);
  });

  it('leave a start that hangs behind', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 2 });
    const deliveries = some(4);

    outbox.handOver(deliveries);
    underWay[1]?.end('queued');
    await turn();
    underWay[1]?.end('queued');
    await turn();

    expect(state.started).toEqual(idsOf(deliveries));
    expect(underWay.map(({ id }) => id)).toEqual([deliveries[0]?.id, deliveries[3]?.id]);
  });

  it('are left to the sweep when the queue is full', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 1, maxQueued: 4 });
    const deliveries = some(6);

    outbox.handOver(deliveries.slice(0, 1));
    outbox.handOver(deliveries.slice(1));
    while (underWay.length > 0) {
      underWay[0]?.end('queued');
      await turn();
    }

    expect(state.started).toEqual(idsOf(deliveries.slice(0, 3)));
    expect(state.released).toEqual([]);
  });

  it('of one tenant leave room in the queue to others', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 1, maxQueued: 4 });
    const other = claimedDelivery({ tenantId: 'other', webhookId: 'of another' });

    outbox.handOver(some(10));
    outbox.handOver([other]);
    while (underWay.length > 0) {
      underWay[0]?.end('queued');
      await turn();
    }

    expect(state.started).toHaveLength(4);
    expect(state.started).toContain(other.id);
  });

  it('are counted while they wait', async () => {
    const { outbox, underWay, memory } = arrange({ concurrency: 1 });

    outbox.handOver(some(3));

    expect(await memory.metric('hook_workflow_start_backlog')).toBe(2);
    underWay[0]?.end('eager');
    await turn();
    expect(await memory.metric('hook_workflow_start_backlog')).toBe(1);
    expect(await memory.metric('hook_workflow_starts_total', { result: 'eager' })).toBe(1);
  });

  it('keep their claim when the start fails, and the next ones are started', async () => {
    const { outbox, state, memory } = arrange({ concurrency: 1 });
    const deliveries = some(2);
    state.answer = new Error('Temporal is away');

    outbox.handOver(deliveries);
    await turn();

    expect(state.started).toEqual(idsOf(deliveries));
    expect(state.released).toEqual([]);
    expect(state.marked).toEqual([]);
    expect(state.ends).toEqual([]);
    expect(await memory.metric('hook_workflow_starts_total', { result: 'failed' })).toBe(2);
    expect(memory.entries()).toMatchObject([
      { level: 'warn', event: 'workflow.start_failed', delivery_id: deliveries[0]?.id },
      { level: 'debug', event: 'workflow.start_failed', delivery_id: deliveries[1]?.id },
    ]);
  });
});

describe('a delivery whose workflow was started before', () => {
  it('is marked as started while it runs', async () => {
    const { outbox, state, memory } = arrange();
    const delivery = claimedDelivery({ started: false });
    state.answer = 'running';

    outbox.handOver([delivery]);
    await turn();

    expect(state.marked).toEqual([delivery.id]);
    expect(state.ends).toEqual([]);
    expect(await memory.metric('hook_workflow_starts_total', { result: 'running' })).toBe(1);
  });

  it.each(['eager', 'queued'] as const)('is marked at once when it is a replay: %s', async (answer) => {
    const { outbox, state } = arrange();
    state.answer = answer;
    const [first, replay] = [claimedDelivery(), claimedDelivery({ replayNo: 1 })];

    outbox.handOver([first, replay]);
    await turn();

    expect(state.marked).toEqual([replay.id]);
  });

  it('is marked again while it runs, so that nobody looks again soon', async () => {
    const { outbox, state } = arrange();
    state.answer = 'running';
    const delivery = claimedDelivery({ started: true });

    outbox.handOver([delivery]);
    await turn();

    expect(state.marked).toEqual([delivery.id]);
  });

  it('ends as terminated, under the run that is recorded, when it runs no more', async () => {
    const { outbox, state, memory } = arrange();
    const delivery = claimedDelivery({ started: true });
    state.answer = 'closed';

    outbox.handOver([delivery]);
    await turn();

    expect(state.ends).toEqual([[delivery.id, null, 'TERMINATED', 0]]);
    expect(memory.entries()).toMatchObject([
      {
        event: 'hook.delivery_cancelled',
        delivery_id: delivery.id,
        tenant_id: 'acme',
        webhook_id: delivery.webhookId,
        reason: 'TERMINATED',
        attempts: 3,
      },
    ]);
    expect(await memory.metric('hook_deliveries_ended_total', { reason: 'TERMINATED' })).toBe(1);
    expect(await memory.metric('hook_workflow_starts_total', { result: 'closed' })).toBe(1);
  });

  it('is not said to have ended when its end was recorded meanwhile', async () => {
    const { outbox, state, memory } = arrange();
    state.answer = 'closed';
    state.endChanges = false;

    outbox.handOver(some(1));
    await turn();

    expect(state.ends).toHaveLength(1);
    expect(memory.entries()).toEqual([]);
    expect(await memory.metric('hook_deliveries_ended_total', { reason: 'TERMINATED' })).toBeUndefined();
  });

  it('is left to the sweep when its end cannot be recorded, and the next one is started', async () => {
    const { outbox, state, memory } = arrange({ concurrency: 1 });
    state.answer = 'closed';
    state.endFails = new Error('Postgres is away');

    outbox.handOver(some(2));
    await turn();

    expect(state.started).toHaveLength(2);
    expect(await memory.metric('hook_workflow_starts_total', { result: 'closed' })).toBe(2);
    expect(memory.entries().map(({ event }) => event)).toEqual(['outbox.record_failed', 'outbox.record_failed']);
    expect(state.released).toEqual([]);
  });

  it.each(['eager', 'queued'] as const)(
    'is told from one that was %s now, which is neither marked nor ended',
    async (answer) => {
      const { outbox, state } = arrange();
      state.answer = answer;

      outbox.handOver(some(1));
      await turn();

      expect(state.started).toHaveLength(1);
      expect(state.marked).toEqual([]);
      expect(state.ends).toEqual([]);
    },
  );
});

describe('a replay whose earlier run has not closed', () => {
  const replay = () => claimedDelivery({ replayNo: 1 });

  it('is tried again soon, and holds no place meanwhile', async () => {
    jest.useFakeTimers();
    const { outbox, state, underWay } = arrange({ concurrency: 1 });
    const [first, second] = [replay(), claimedDelivery()];

    outbox.handOver([first, second]);
    underWay[0]?.end('earlier');
    await jest.advanceTimersByTimeAsync(0);
    underWay[0]?.end('queued');
    await jest.advanceTimersByTimeAsync(100);
    underWay[0]?.end('queued');
    await jest.advanceTimersByTimeAsync(10_000);

    expect(state.started).toEqual([first.id, second.id, first.id]);
    expect(state.marked).toEqual([first.id]);
    expect(state.ends).toEqual([]);
    expect(state.woken).toEqual([]);
  });

  it('wakes that run once and keeps its claim for the sweep when it goes on waiting', async () => {
    jest.useFakeTimers();
    const { outbox, state, memory } = arrange();
    const delivery = replay();
    state.answer = 'earlier';

    outbox.handOver([delivery]);
    await jest.advanceTimersByTimeAsync(60_000);

    expect(state.started).toHaveLength(7);
    expect(state.woken).toEqual([delivery.id]);
    expect([state.marked, state.ends, state.released]).toEqual([[], [], []]);
    expect(await memory.metric('hook_workflow_starts_total', { result: 'earlier' })).toBe(7);
  });

  it('is given back by an outbox that stops', async () => {
    jest.useFakeTimers();
    const { outbox, state } = arrange();
    const delivery = replay();
    state.answer = 'earlier';
    outbox.handOver([delivery]);
    await jest.advanceTimersByTimeAsync(0);

    await outbox.stop();
    await jest.advanceTimersByTimeAsync(60_000);

    expect(state.released).toEqual([[delivery.id]]);
    expect(state.started).toHaveLength(1);
  });
});

describe('while Temporal has enough to do', () => {
  it('starts no more than it may have waiting, and goes on when it has less', async () => {
    const { outbox, state } = arrange({ concurrency: 100 });
    state.answer = 'queued';
    state.taskBacklogs = [50, 47, 0];

    outbox.handOver(some(60));

    expect(state.started).toHaveLength(50);
    await waitFor(() => state.started.length === 60, 'the rest');
    // Room for three was not enough.
    expect(state.taskBacklogs).toEqual([]);
    expect(new Set(state.started).size).toBe(60);
  });

  it('asks from time to time although workers have had every task at once', async () => {
    const { outbox, state } = arrange({ concurrency: 100 });
    state.answer = 'eager';
    state.taskBacklogs = [400, 0];

    outbox.handOver(some(600));

    await waitFor(() => state.started.length === 600, 'all of them');
    expect(state.taskBacklogs).toEqual([]);
  });

  it('leaves to the sweep what has waited for longer than its claim', async () => {
    const { outbox, state } = arrange({ concurrency: 100, claimMs: 50 });
    state.answer = 'queued';
    state.taskBacklogs = [50, 0];

    outbox.handOver(some(51));
    await waitFor(() => state.taskBacklogs.length === 0, 'it to have room again');
    await outbox.stop();

    expect(state.started).toHaveLength(50);
  });

  it('does not wait for a server that does not say how many there are', async () => {
    const { outbox, state } = arrange({ concurrency: 100 });
    state.answer = 'queued';
    state.taskBacklogs = [new Error('unknown request')];

    outbox.handOver(some(60));

    await waitFor(() => state.started.length === 60, 'all of them');
  });
});

describe('a sweep', () => {
  it('starts what is overdue as well', async () => {
    const { outbox, state } = arrange();
    const overdue = some(3);
    state.overdue = [overdue];
    state.answer = 'queued';

    await outbox.sweep();

    expect(state.started).toEqual(idsOf(overdue));
  });

  it('takes over batch after batch until nothing has lapsed', async () => {
    const { outbox, state } = arrange();
    const batches = [some(3), some(2)];
    state.lapsed = [...batches];
    state.answer = 'queued';

    await outbox.sweep();

    expect(state.started).toEqual(idsOf(batches.flat()));
    expect(state.takeOvers).toBe(3);
  });

  it('starts a few at a time', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 3 });
    state.lapsed = [some(10)];

    const swept = outbox.sweep();
    await turn();
    while (underWay.length > 0) {
      underWay[0]?.end('queued');
      await turn();
    }
    await swept;

    expect(state.started).toHaveLength(10);
    expect(state.mostUnderWay).toBe(3);
  });

  it('stops when nothing of a batch could be started', async () => {
    const { outbox, state } = arrange();
    state.lapsed = [some(3), some(3)];
    state.answer = new Error('Temporal is away');

    await outbox.sweep();

    expect(state.takeOvers).toBe(1);
    expect(state.started).toHaveLength(3);
  });

  it('goes on when a part of a batch could not be started', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 2 });
    state.lapsed = [some(2), some(1)];

    const swept = outbox.sweep();
    await turn();
    underWay[0]?.end(new Error('refused'));
    underWay[0]?.end('queued');
    await turn();
    underWay[0]?.end('queued');
    await swept;

    expect(state.started).toHaveLength(3);
  });

  it.each(['running', 'closed'] as const)('goes on after a batch of which every workflow was %s', async (answer) => {
    const { outbox, state } = arrange();
    state.lapsed = [some(2), some(1)];
    state.answer = answer;

    await outbox.sweep();

    expect(state.started).toHaveLength(3);
    expect(state.takeOvers).toBe(3);
  });

  it('is not begun while another is under way', async () => {
    const { outbox, state, underWay } = arrange();
    state.lapsed = [some(1)];

    const first = outbox.sweep();
    const second = outbox.sweep();
    await turn();
    const takeOversMeanwhile = state.takeOvers;
    underWay[0]?.end('queued');
    await Promise.all([first, second]);

    expect(takeOversMeanwhile).toBe(1);
    expect(state.takeOvers).toBe(2);
    expect(state.started).toHaveLength(1);
  });

  it('that failed is logged, and the next one works', async () => {
    const { outbox, state, memory } = arrange();
    state.takeOverFails = new Error('Postgres is away');
    await outbox.sweep();

    state.takeOverFails = undefined;
    state.lapsed = [some(1)];
    state.answer = 'queued';
    await outbox.sweep();

    expect(memory.entries()[0]).toMatchObject({ level: 'error', event: 'outbox.sweep_failed' });
    expect(state.started).toHaveLength(1);
  });

  it('comes at once and then at every interval until the outbox stops', async () => {
    jest.useFakeTimers();
    const { outbox, state } = arrange();

    outbox.startSweeping();
    await jest.advanceTimersByTimeAsync(0);
    const atOnce = state.takeOvers;
    await jest.advanceTimersByTimeAsync(30_000);
    const afterThree = state.takeOvers;
    await outbox.stop();
    await jest.advanceTimersByTimeAsync(30_000);

    expect(atOnce).toBe(1);
    expect(afterThree).toBe(4);
    expect(state.takeOvers).toBe(4);
  });
});

describe('an outbox that stops', () => {
  it('ends the starts under way and begins none of those that wait', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 2 });
    outbox.handOver(some(5));

    const stopped = outbox.stop();
    expect(await isPending(stopped)).toBe(true);
    underWay[0]?.end('queued');
    expect(await isPending(stopped)).toBe(true);
    underWay[0]?.end(new Error('Temporal is away'));
    await stopped;

    expect(state.started).toHaveLength(2);
  });

  it('gives back its claims on those that wait, and on none of those under way', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 2 });
    const deliveries = some(5);
    outbox.handOver(deliveries);

    const stopped = outbox.stop();
    underWay[0]?.end('queued');
    underWay[0]?.end('queued');
    await stopped;

    expect(state.released).toEqual([idsOf(deliveries.slice(2))]);
  });

  it('gives nothing back when nothing waits, or when it is stopped again', async () => {
    const idle = arrange();
    const busy = arrange({ concurrency: 1 });
    busy.outbox.handOver(some(2));

    await idle.outbox.stop();
    const stopped = busy.outbox.stop();
    busy.underWay[0]?.end('queued');
    await stopped;
    await busy.outbox.stop();

    expect(idle.state.released).toEqual([]);
    expect(busy.state.released).toHaveLength(1);
  });

  it('leaves its claims to lapse when they cannot be given back', async () => {
    const { outbox, state, underWay, memory } = arrange({ concurrency: 1 });
    state.releaseFails = new Error('Postgres is away');
    outbox.handOver(some(3));

    const stopped = outbox.stop();
    underWay[0]?.end('queued');
    await stopped;

    expect(memory.entries()).toMatchObject([
      { level: 'warn', event: 'outbox.release_failed', count: 2, err: { message: 'Postgres is away' } },
    ]);
  });

  it('starts nothing that is handed over later', async () => {
    const { outbox, state } = arrange();

    await outbox.stop();
    outbox.handOver(some(1));
    await turn();

    expect(state.started).toEqual([]);
  });

  it('ends the sweep under way after the starts it has begun', async () => {
    const { outbox, state, underWay } = arrange({ concurrency: 2 });
    state.lapsed = [some(5), some(5)];
    void outbox.sweep();
    await turn();

    const stopped = outbox.stop();
    expect(await isPending(stopped)).toBe(true);
    underWay[0]?.end('queued');
    underWay[0]?.end('queued');
    await stopped;

    expect(state.started).toHaveLength(2);
    expect(state.takeOvers).toBe(1);
    expect(state.released.flat()).toHaveLength(3);
  });
});
