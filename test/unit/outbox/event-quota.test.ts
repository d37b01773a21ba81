import { EventQuota } from '../../../src/outbox/event-quota';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

const limit = { limit: 100, remaining: 0, reset: 1 } as const;

/** A quota that grants `granted` of whatever is asked for, on a clock that only the test moves. */
function arrange({ granted = 0, auditFails = false } = {}) {
  const memory = createMemoryTelemetry();
  const clock = { now: 0 };
  const recorded: unknown[][] = [];
  const quota = new EventQuota({
    telemetry: memory.telemetry,
    rate: {
      take: (_tenantId, count) => Promise.resolve(granted < count ? { granted, refusal: limit } : { granted: count }),
    },
    recordExceeded: (...row) => {
      recorded.push(row);
      return auditFails ? Promise.reject(new Error('Postgres is away')) : Promise.resolve();
    },
    now: () => clock.now,
  });
  return { quota, memory, clock, recorded };
}

describe('events within the quota', () => {
  it('are not told of', async () => {
    const { quota, memory, recorded } = arrange({ granted: 5 });

    const taken = await quota.take('acme', 5);

    expect(taken).toEqual({ granted: 5 });
    expect([recorded, memory.entries()]).toEqual([[], []]);
  });
});

describe('events beyond the quota', () => {
  it('are counted each, and told of once a minute and tenant', async () => {
    const { quota, memory, clock, recorded } = arrange({ granted: 2 });

    const taken = await quota.take('acme', 5);
    clock.now += 59_999;
    await quota.take('acme', 3);
    await quota.take('other', 3);
    clock.now += 1;
    await quota.take('acme', 3);
    await quota.idle();

    expect(taken).toEqual({ granted: 2, refusal: limit });
    expect(recorded.map(([tenantId]) => tenantId)).toEqual(['acme', 'other', 'acme']);
    expect(recorded[0]).toEqual(['acme', 'max_events_per_sec', 100]);
    expect(memory.entries()).toHaveLength(3);
    expect(memory.entries()[0]).toMatchObject({
      level: 'warn',
      event: 'quota.exceeded',
      tenant_id: 'acme',
      limit: 100,
    });
    expect(await memory.metric('hook_rate_limited_total', { limit: 'events_per_second' })).toBe(6);
  });

  it('are refused also when that cannot be recorded', async () => {
    const { quota, memory } = arrange({ auditFails: true });

    const taken = await quota.take('acme', 1);
    await quota.idle();

    expect(taken).toEqual({ granted: 0, refusal: limit });
    expect(memory.entries().map(({ event }) => event)).toEqual(['quota.exceeded', 'quota.audit_failed']);
  });
});
