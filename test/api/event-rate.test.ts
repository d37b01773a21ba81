/**
 * Events per second over several API processes: three systems on one database, each with its own leases.
 * What is judged is what was committed, by the database's clock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let systems: TestSystem[];
let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  systems = [system, await TestSystem.start({ after: system }), await TestSystem.start({ after: system })];
  // The first requests of a process take their time: schemas are compiled, connections opened.
  const other = await system.createTenant();
  await Promise.all(systems.flatMap((on) => Array.from({ length: 8 }, () => publish(on, other))));
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(async () => {
  for (const other of systems.slice(1)) await other.stop({ keepData: true });
  await system.stop();
});

const event = { type: 'order.created', payload: 1 };

const publish = (on = system, by = tenant): Promise<ApiAnswer> =>
  on.call('POST', '/v1/events', { token: by.token, body: event });
const batch = (count: number, on = system): Promise<ApiAnswer> =>
  on.call('POST', '/v1/events/batch', {
    token: tenant.token,
    body: { events: Array.from({ length: count }, () => event) },
  });

async function limitTo(maxEventsPerSec: number, of = tenant): Promise<void> {
  await system.database.query('UPDATE hook.quotas SET max_events_per_sec = $2 WHERE tenant_id = $1', [
    of.id,
    maxEventsPerSec,
  ]);
}

/** When the events of the tenant were accepted, in milliseconds, in order. */
async function acceptedAt(): Promise<number[]> {
  const rows = await system.database.query<{ at: Date }>(
    'SELECT created_at AS at FROM hook.events WHERE tenant_id = $1 ORDER BY created_at',
    [tenant.id],
  );
  return rows.map(({ at }) => at.getTime());
}

const within = (times: readonly number[], from: number) =>
  times.filter((time) => time >= from && time < from + 1000).length;

/** Counts the leases that are asked for while `work` runs. */
async function countLeases(work: () => Promise<void>): Promise<number> {
  const original = Reflect.get(Client.prototype, 'query') as (...args: unknown[]) => unknown;
  let leases = 0;
  const spy = jest.spyOn(Client.prototype, 'query').mockImplementation(function count(
    this: Client,
    ...args: unknown[]
  ) {
    if ((args[0] as { name?: string }).name === 'rateLeases.leaseEvents') leases++;
    return original.apply(this, args);
  });
  try {
    await work();
    return leases;
  } finally {
    spy.mockRestore();
  }
}

/** Runs several clients on every process, which ask until the time is up and again a moment after a refusal. */
async function flood(forMs: number, ask: (on: TestSystem) => Promise<boolean>): Promise<void> {
  const until = performance.now() + forMs;
  const client = async (on: TestSystem): Promise<void> => {
    while (performance.now() < until) {
      // All processes share one thread here: those that are refused must not keep it from the others.
      if (!(await ask(on))) await delay(10);
    }
  };
  await Promise.all(systems.flatMap((on) => Array.from({ length: 4 }, () => client(on))));
}

/** Publishes on every process at an even pace, `lanes` requests at a time and each lane at most 25 a second. */
async function pace(forMs: number, lanes: number): Promise<number[]> {
  const statuses: number[] = [];
  const until = performance.now() + forMs;
  const lane = async (on: TestSystem): Promise<void> => {
    while (performance.now() < until) {
      // One that was held up is not made up for, which would be a burst.
      const [{ status }] = await Promise.all([publish(on), delay(40)]);
      statuses.push(status);
    }
  };
  await Promise.all(systems.flatMap((on) => Array.from({ length: lanes }, () => lane(on))));
  return statuses;
}

/** How many there are in the fullest second, and in a second on average. */
function perSecond(times: readonly number[]): { most: number; mean: number } {
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const starts = Array.from({ length: Math.floor((last - first - 1000) / 10) }, (_, n) => first + n * 10);
  const mean = starts.reduce((sum, from) => sum + within(times, from), 0) / starts.length;
  return { most: Math.max(...times.map((from) => within(times, from))), mean };
}

describe('a tenant that publishes more than it may, through several processes', () => {
  it('may take its limit in any second, within a tenth, for few leases', async () => {
    await limitTo(200);
    const taken: number[] = [];

    const leases = await countLeases(() =>
      flood(4000, async ({ ctx }) => {
        const { granted, refusal } = await ctx.takeEvents(tenant.id, 2);
        for (let n = 0; n < granted; n++) taken.push(performance.now());
        return refusal === undefined;
      }),
    );

    const { most, mean } = perSecond(taken);
    expect(most).toBeLessThanOrEqual(220);
    expect(mean).toBeGreaterThanOrEqual(180);
    expect(leases).toBeLessThan(taken.length / 4);
  });

  it('has no more than its limit committed, within a tenth, and everything beyond it refused', async () => {
    await limitTo(50);
    const statuses: number[] = [];

    await flood(4000, async (on) => {
      const { status } = await publish(on);
      statuses.push(status);
      return status === 202;
    });

    const times = await acceptedAt();
    expect(new Set(statuses)).toEqual(new Set([202, 429]));
    expect(times).toHaveLength(statuses.filter((status) => status === 202).length);
    expect(perSecond(times).most).toBeLessThanOrEqual(55);
    // A machine that is busy with other things may not even get to ask for so many.
    expect(times.length).toBeGreaterThanOrEqual(0.9 * Math.min(3 * 50, statuses.length));
  });
});

describe('a tenant that publishes less than it may', () => {
  it('is refused nothing, through several processes, for few leases', async () => {
    await limitTo(250);
    let statuses: number[] = [];

    const leases = await countLeases(async () => void (statuses = await pace(3000, 2)));

    expect(new Set(statuses)).toEqual(new Set([202]));
    expect(leases).toBeLessThan(statuses.length / 3);
  });

  it('costs a lease for several events also when they come one by one', async () => {
    const leases = await countLeases(async () => {
      for (let n = 0; n < 8; n++) await publish();
    });

    expect(leases).toBeLessThanOrEqual(3);
  });

  it('may publish a whole second at once', async () => {
    const { status, body } = await batch(100);

    expect(status).toBe(202);
    expect(body.data.filter(({ error }: { error?: object }) => error)).toEqual([]);
  });
});

describe('an event beyond the limit', () => {
  it('is 429 with what the limit is and when to try again, and nothing is stored of it', async () => {
    await limitTo(3);
    await batch(3);

    const answer = await publish();

    expectRefusal(answer, 429, 'RATE_LIMITED');
    const { details } = answer.body.error;
    expect(details).toEqual({ limit: 3, remaining: 0, reset: expect.any(Number) });
    expect([1, 2]).toContain(details.reset);
    expect(answer.headers['retry-after']).toBe(String(details.reset));
    expect(await acceptedAt()).toHaveLength(3);
  });

  it('is refused by every process', async () => {
    await limitTo(3);
    await batch(3);

    const answers = await Promise.all(systems.map((on) => publish(on)));

    for (const answer of answers) expectRefusal(answer, 429, 'RATE_LIMITED');
  });

  it('is accepted again a second later', async () => {
    await limitTo(3);
    await batch(3);

    await waitFor(async () => (await publish()).status === 202, 'room for another event', 5000);

    const times = await acceptedAt();
    expect(Number(times.at(-1)) - Number(times[0])).toBeGreaterThanOrEqual(990);
  });

  it('of a batch is refused in its place, after those that are accepted', async () => {
    await limitTo(4);
    const bad = { type: 'a..b', payload: 1 };

    const { status, body } = await system.call('POST', '/v1/events/batch', {
      token: tenant.token,
      body: { events: [event, bad, event, bad, event, event, event, event] },
    });

    expect(status).toBe(202);
    const codes = body.data.map(({ error }: { error?: { code: string } }) => error?.code ?? 'accepted');
    const [yes, no, limited] = ['accepted', 'VALIDATION_ERROR', 'RATE_LIMITED'];
    expect(codes).toEqual([yes, no, yes, no, yes, yes, limited, limited]);
    expect(body.data.at(-1).error.details).toMatchObject({ limit: 4, remaining: 0 });
    expect(await acceptedAt()).toHaveLength(4);
  });

  it('is refused as a test delivery as well, which counts as one', async () => {
    await limitTo(2);
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const test = () => system.call('POST', `/v1/webhooks/${id}/test`, { token: tenant.token });

    const answers = [await test(), await publish(), await test()];

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 429]);
  });

  it('does not touch another tenant', async () => {
    await limitTo(3);
    const other = await system.createTenant();
    await batch(10);

    const answers = await Promise.all(Array.from({ length: 20 }, () => publish(system, other)));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  });

  it('is accepted within moments of a higher quota', async () => {
    await limitTo(1);
    await publish();
    expectRefusal(await publish(), 429, 'RATE_LIMITED');

    await limitTo(100);

    await waitFor(async () => (await batch(50)).body.data.every(({ id }: { id?: string }) => id), 'the quota', 3000);
  });

  it('leaves one row in the audit log, however many there are', async () => {
    await limitTo(1);
    const rows = () =>
      system.database.query(
        'SELECT actor, target, details, request_id FROM hook.audit_logs WHERE tenant_id = $1 AND action = $2',
        [tenant.id, 'quota.exceeded'],
      );

    await batch(50);
    for (let n = 0; n < 5; n++) await publish();
    await waitFor(async () => (await rows()).length > 0, 'the audit row');

    const details = { quota: 'max_events_per_sec', limit: 1 };
    expect(await rows()).toEqual([{ actor: 'everhook', target: `tenant:${tenant.id}`, details, request_id: null }]);
  });
});

describe('a request that is refused for another reason', () => {
  it('costs nothing of the quota', async () => {
    await limitTo(2);
    const refused = [
      await system.call('POST', '/v1/events', { token: tenant.token, body: { type: 'a..b', payload: 1 } }),
      await system.call('POST', '/v1/events', { token: tenant.token, text: '{' }),
      await system.call('POST', '/v1/events', { body: event }),
      await batch(0),
    ];

    const answers = [await publish(), await publish()];

    expect(refused.map(({ status }) => status)).toEqual([400, 400, 401, 400]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  });
});

describe('the lease of a process', () => {
  const lease = (process: string, wanted: number, ahead = 1) =>
    system.database
      .query<{ granted: number; kept: number; kept_ms: number; pause_ms: number }>(
        "SELECT * FROM hook.lease_events($1, $2, $3, $4, '{}', '{}')",
        [tenant.id, process, wanted, ahead],
      )
      .then(([row]) => row);

  it('is for long as long as all of those are a twentieth of the limit, and for a moment beyond', async () => {
    const leases = [await lease('a', 1), await lease('b', 1), await lease('c', 1), await lease('d', 1)];

    expect(leases).toMatchObject([
      { granted: 1, kept: 3, kept_ms: 10_000 },
      { granted: 1, kept: 1, kept_ms: 10_000 },
      { granted: 1, kept: 1, kept_ms: 10_000 },
      { granted: 1, kept: 1, kept_ms: 250 },
    ]);
  });

  it('counts against the others whether it is used or not, and not against its own next one', async () => {
    await lease('a', 40, 30);

    const others = await lease('b', 100);
    const again = await lease('a', 100);

    expect(others).toMatchObject({ granted: 30, kept: 0 });
    expect(again).toMatchObject({ granted: 70, kept: 0 });
  });

  it('is granted once, however many ask at the same time', async () => {
    const asked = Array.from({ length: 40 }, (_, n) =>
      system.ctx.workerPool.query<{ granted: number; kept: number }>(
        "SELECT * FROM hook.lease_events($1, $2, 10, 10, '{}', '{}')",
        [tenant.id, `process-${n}`],
      ),
    );

    const leases = (await Promise.all(asked)).map(({ rows }) => rows[0]);

    const total = leases.reduce((sum, lease) => sum + Number(lease?.granted) + Number(lease?.kept), 0);
    expect(total).toBe(100);
  });

  it('tells those that are refused how long there will be none', async () => {
    await lease('a', 100);

    const refused = await lease('b', 1);

    expect(refused).toMatchObject({ granted: 0, kept: 0 });
    expect(refused?.pause_ms).toBeGreaterThan(500);
    expect(refused?.pause_ms).toBeLessThanOrEqual(1200);
  });

  it('is forgotten a minute after it has ended', async () => {
    await lease('gone', 1);
    await system.database.query(
      "UPDATE hook.rate_leases SET held_until = now() - interval '61 seconds' WHERE tenant_id = $1",
      [tenant.id],
    );

    await lease('here', 1);

    expect(
      await system.database.query('SELECT process_id FROM hook.rate_leases WHERE tenant_id = $1', [tenant.id]),
    ).toEqual([{ process_id: 'here' }]);
  });
});
