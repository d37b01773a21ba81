/** What is removed when it is old, and what is not. It is removed of all tenants, so each test begins with empty tables. */
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Pool } from 'pg';
import { createActivities } from '../../activities';
import { lowestIdAt } from '../../src/domain/ids';
import { createControlDues } from '../../src/store/control-dues';
import type { RemovePage, Retention } from '../../src/store/retention';
import { retentionSteps, type RemoveResult, type RetentionStep } from '../../src/temporal/contracts';
import { queriesDuring } from '../support/sent-queries';
import { TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;

const dayMs = 86_400_000;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  await system.database.query(
    'TRUNCATE hook.deliveries, hook.delivery_attempts, hook.events, hook.replays, hook.audit_logs',
  );
  for (const name of await partitions()) {
    if (name !== 'delivery_attempts_default') await system.database.query(`DROP TABLE hook.${name}`);
  }
  tenant = await system.createTenant();
  webhookId = (await system.createWebhook(tenant, { url: 'https://example.com/' })).id;
});

afterAll(() => system.stop());

const daysAgo = (days: number): Date => new Date(Date.now() - days * dayMs);
const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

let made = 0;

/** A delivery of the past with its event, and with attempts of the days that are named. */
async function makeDelivery(
  age: { created: number; completed: number | null; attempts?: number[] },
  status = age.completed === null ? 'FAILED_RETRY' : 'SUCCESS',
): Promise<string> {
  const createdAt = daysAgo(age.created);
  const id = `${lowestIdAt(createdAt).slice(0, 16)}${String(++made).padStart(10, '0')}`;
  await system.database.query(
    `WITH event AS (
       INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
       VALUES ($2, $1, 'a', '1', '', $5))
     INSERT INTO hook.deliveries
       (id, tenant_id, webhook_id, event_id, event_type, status, attempts, expires_at, created_at, completed_at)
     VALUES ($1, $2, $3, $1, 'a', $4, $7, 'infinity', $5, $6)`,
    [
      id,
      tenant.id,
      webhookId,
      status,
      createdAt,
      age.completed === null ? null : daysAgo(age.completed),
      age.attempts?.length ?? 0,
    ],
  );
  for (const [at, day] of (age.attempts ?? []).entries()) {
    await system.database.query(
      `INSERT INTO hook.delivery_attempts (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number,
         replay_no, trigger, outcome, duration_ms, attempted_at)
       VALUES ($1, $2, 'run', $3, $4, $5, $3, 0, 'retry', 'retry', 1, $6)`,
      [dayOf(daysAgo(day)), id, at + 1, tenant.id, webhookId, daysAgo(day)],
    );
  }
  return id;
}

const partitionName = (days: number): string => `delivery_attempts_${dayOf(daysAgo(days)).replaceAll('-', '')}`;
/** As a worker made it ahead of that day. */
const makePartition = (days: number) =>
  system.database.query(
    `CREATE TABLE hook.${partitionName(days)} PARTITION OF hook.delivery_attempts
       FOR VALUES FROM ('${dayOf(daysAgo(days))}') TO ('${dayOf(daysAgo(days - 1))}');
     ALTER TABLE hook.${partitionName(days)} OWNER TO everhook_owner`,
  );
const partitions = async (): Promise<string[]> =>
  (
    await system.database.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = 'hook.delivery_attempts'::regclass ORDER BY 1`,
    )
  ).map(({ name }) => name);

const idsOf = async (table: string, column = 'id'): Promise<string[]> =>
  (await system.database.query<{ id: string }>(`SELECT ${column} AS id FROM hook.${table} ORDER BY 1`)).map(
    ({ id }) => id,
  );

async function runStep(step: RetentionStep, of: Retention = system.ctx.retention): Promise<number> {
  const page: RemovePage = of[step];
  let removed = 0;
  for (let position: string | null = null, done = false; !done; done = position === null) {
    const result = await page(position);
    removed += result.removed;
    position = result.position;
  }
  return removed;
}

async function runAll(): Promise<Record<string, number>> {
  const removed: Record<string, number> = {};
  for (const step of retentionSteps) removed[step] = await runStep(step);
  return removed;
}

describe('deliveries and their events', () => {
  it('leave when they ended longer ago than they are kept, with their attempts', async () => {
    for (const status of ['SUCCESS', 'DEAD_LETTER', 'CANCELLED']) {
      await makeDelivery({ created: 40, completed: 31, attempts: [35] }, status);
    }

    const removed = await runAll();

    expect(removed).toMatchObject({ deliveries: 3, attempts: 3, events: 3 });
    expect(await idsOf('deliveries')).toEqual([]);
    expect(await idsOf('events')).toEqual([]);
    expect(await idsOf('delivery_attempts', 'delivery_id')).toEqual([]);
  });

  it('stay as long as they are open, whatever their age, and so do their attempts', async () => {
    await makePartition(200);
    const ids: string[] = [];
    for (const status of ['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED']) {
      ids.push(await makeDelivery({ created: 201, completed: null, attempts: [200, 100] }, status));
      // It ended once, and was replayed.
      ids.push(await makeDelivery({ created: 201, completed: 150, attempts: [200] }, status));
    }

    const removed = await runAll();

    expect(Object.values(removed)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await idsOf('deliveries')).toEqual(ids.toSorted());
    expect(await idsOf('events')).toEqual(ids.toSorted());
    expect(await idsOf('delivery_attempts', 'delivery_id')).toHaveLength(12);
  });

  it('stay when they are old but ended lately', async () => {
    await makePartition(40);
    const id = await makeDelivery({ created: 40, completed: 29, attempts: [40] });

    await runAll();

    expect(await idsOf('deliveries')).toEqual([id]);
    expect(await idsOf('events')).toEqual([id]);
    expect(await idsOf('delivery_attempts', 'delivery_id')).toEqual([id]);
  });

  it('leave when there was no webhook for them, and stay when one of two deliveries does', async () => {
    const shared = await makeDelivery({ created: 40, completed: 31 });
    await system.database.query(
      `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
         VALUES ('${tenant.id}', 'unwanted', 'a', '1', '', now() - interval '31 days'),
                ('${tenant.id}', 'young', 'a', '1', '', now() - interval '29 days');
       INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at)
         VALUES ('${shared.slice(0, -1)}X', '${tenant.id}', 'other', '${shared}', 'a', 'PAUSED', now(), now())`,
    );

    await runAll();

    expect(await idsOf('events')).toEqual([shared, 'young']);
    expect(await idsOf('deliveries')).toEqual([`${shared.slice(0, -1)}X`]);
  });

  it('leave after as many days as the operator says', async () => {
    const short = await TestSystem.start({ after: system, env: { RETENTION_DAYS: '7' } });
    await makeDelivery({ created: 9, completed: 8 });
    const kept = await makeDelivery({ created: 9, completed: 6 });

    await runStep('deliveries', short.ctx.retention);
    await short.stop({ keepData: true });

    expect(await idsOf('deliveries')).toEqual([kept]);
  });
});

describe('partitions of attempts', () => {
  it('are dropped whole once no delivery of theirs is left', async () => {
    await makePartition(40);
    await makePartition(31);
    await makePartition(30);
    await makeDelivery({ created: 40, completed: 40, attempts: [40] });
    await makeDelivery({ created: 31, completed: 31, attempts: [31] });

    const removed = await runAll();

    expect(removed).toMatchObject({ deliveries: 2, partitions: 2, attempts: 0 });
    expect(await partitions()).toEqual([partitionName(30), 'delivery_attempts_default']);
  });

  it('stay while a delivery has attempts in them, and lose the rest row by row a few days later', async () => {
    await makePartition(34);
    await makePartition(32);
    const open = await makeDelivery({ created: 34, completed: null, attempts: [34, 32] });
    await makeDelivery({ created: 34, completed: 34, attempts: [34] });
    await makeDelivery({ created: 32, completed: 32, attempts: [32] });

    const removed = await runAll();

    expect(removed).toMatchObject({ partitions: 0, attempts: 1 });
    expect(await partitions()).toEqual([partitionName(34), partitionName(32), 'delivery_attempts_default']);
    expect(await idsOf(partitionName(34), 'delivery_id')).toEqual([open]);
    expect(await idsOf(partitionName(32), 'delivery_id')).toHaveLength(2);
  });

  it('are kept by the database itself, whoever asks it to drop them', async () => {
    await makePartition(40);
    await makeDelivery({ created: 40, completed: null, attempts: [40] });

    const { rows } = await system.ctx.workerPool.query("SELECT hook.drop_attempt_partition($1, 'Z') AS dropped", [
      dayOf(daysAgo(40)),
    ]);

    expect(rows).toEqual([{ dropped: false }]);
    expect(await partitions()).toContain(partitionName(40));
  });

  it('in use are left to the next run, which attempts do not wait for', async () => {
    await makePartition(40);
    const client = await system.ctx.workerPool.connect();
    await client.query('BEGIN; SELECT 1 FROM hook.delivery_attempts');

    const meanwhile = await runStep('partitions');
    await client.query('ROLLBACK');
    client.release();
    const afterwards = await runStep('partitions');

    expect([meanwhile, afterwards]).toEqual([0, 1]);
  });
});

describe('replays and the audit log', () => {
  it('lose what ended long ago, and nothing else', async () => {
    const replay = (id: string, state: string, days: number) =>
      system.database.query(
        `INSERT INTO hook.replays (id, tenant_id, webhook_id, filter, matched, state, created_at, completed_at)
         VALUES ($1, $2, $3, '{}', 0, $4, $5, $5)`,
        [`${lowestIdAt(daysAgo(days)).slice(0, 25)}${id}`, tenant.id, webhookId, state, daysAgo(days)],
      );
    await replay('A', 'completed', 31);
    await replay('B', 'cancelled', 31);
    await replay('C', 'running', 31);
    await replay('D', 'completed', 29);

    expect(await runStep('replays')).toBe(2);
    expect((await idsOf('replays')).map((id) => id.slice(-1))).toEqual(['C', 'D']);
  });

  it('keep audit rows for as long as they are to be kept', async () => {
    const before = await idsOf('audit_logs');
    const row = (id: string, days: number) =>
      system.database.query(
        `INSERT INTO hook.audit_logs (id, tenant_id, action, actor, target, created_at) VALUES ($1, $2, 'a', 'b', 'c', $3)`,
        [`${lowestIdAt(daysAgo(days)).slice(0, 25)}${id}`, tenant.id, daysAgo(days)],
      );
    await row('A', 366);
    await row('B', 364);

    expect(await runStep('auditLogs')).toBe(1);
    expect(await idsOf('audit_logs')).toEqual([expect.stringMatching(/B$/), ...before]);
  });
});

describe('a run', () => {
  /** Old deliveries with one attempt each, in the default partition, and their events. */
  const makeMany = (count: number) =>
    system.database.query(
      `WITH ids AS (SELECT $1 || lpad(n::text, 16, '0') AS id FROM generate_series(1, $2::int) n), e AS (
         INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
         SELECT $3, id, 'a', '1', '', $5 FROM ids
       ), a AS (
         INSERT INTO hook.delivery_attempts (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number,
           replay_no, trigger, outcome, duration_ms, attempted_at)
         SELECT $5::date, id, 'run', 1, $3, $4, 1, 0, 'retry', 'success', 1, $5 FROM ids
       )
       INSERT INTO hook.deliveries
         (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at, completed_at)
       SELECT id, $3, $4, id, 'a', 'SUCCESS', $5, $5, $5 FROM ids`,
      [lowestIdAt(daysAgo(40)).slice(0, 10), count, tenant.id, webhookId, daysAgo(40)],
    );

  it('goes page by page, and one that was interrupted is gone on with', async () => {
    await makeMany(2_500);

    const first = await system.ctx.retention.deliveries(null);
    const second = await system.ctx.retention.deliveries(first.position);
    const again = await runAll();

    expect([first.removed, second.removed]).toEqual([1_000, 1_000]);
    expect(again).toMatchObject({ deliveries: 500, attempts: 2_500, events: 2_500 });
  });

  it('beside another does no harm', async () => {
    await makeMany(2_500);
    const kept = await makeDelivery({ created: 40, completed: null, attempts: [39] });

    await Promise.all([runAll(), runAll(), runAll()]);
    await runAll();

    expect(await idsOf('deliveries')).toEqual([kept]);
    expect(await idsOf('events')).toEqual([kept]);
    expect(await idsOf('delivery_attempts', 'delivery_id')).toEqual([kept]);
  });

  it('is not kept from its work by another process that looks which control workflows are due', async () => {
    await makeMany(1);
    const client = await system.ctx.workerPool.connect();
    await client.query('BEGIN');
    await createControlDues(client as unknown as Pool).due('', 1);

    const removed = await runStep('deliveries');
    await client.query('COMMIT');
    client.release();

    expect(removed).toBe(1);
  });

  it('leaves alone what somebody replays at that moment', async () => {
    const id = await makeDelivery({ created: 40, completed: 31 });
    const client = await system.ctx.workerPool.connect();
    await client.query(`BEGIN; UPDATE hook.deliveries SET status = 'PENDING' WHERE id = '${id}'`);

    await runStep('deliveries');
    await client.query('COMMIT');
    client.release();

    expect(await runStep('deliveries')).toBe(0);
    expect(await idsOf('deliveries')).toEqual([id]);
  });

  it('is made of activities that tell how far they are and heartbeat', async () => {
    await makeMany(1_500);
    const environment = new MockActivityEnvironment();
    let beats = 0;
    environment.on('heartbeat', () => beats++);
    const { removeDeliveries } = createActivities(system.ctx);

    const result = await environment.run((input: { position: null }) => removeDeliveries(input), { position: null });

    expect(result).toEqual<RemoveResult>({ removed: 1_500, position: null });
    expect(beats).toBe(2);
  });

  it('stops between two pages when it is cancelled', async () => {
    await makeMany(1_500);
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', () => environment.cancel());
    const { removeDeliveries } = createActivities(system.ctx);

    const result = await environment.run((input: { position: null }) => removeDeliveries(input), { position: null });

    expect(result).toEqual<RemoveResult>({ removed: 1_000, position: expect.any(String) as string });
  });

  it('reads indexes, and no more of them than a page', async () => {
    await makeMany(20_000);
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'PAUSED', completed_at = NULL WHERE right(id, 1) = '7'; ANALYZE`,
    );
    const first = await queriesDuring(async () => {
      for (const step of retentionSteps) {
        const { position } = await system.ctx.retention[step](null);
        if (position !== null) await system.ctx.retention[step](position);
      }
    });
    const sent = first.filter(({ text }) => /DELETE|drop_attempt/.test(text));

    const plans: string[] = [];
    for (const { text, values } of sent) {
      const { rows } = await system.ctx.workerPool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
    }

    expect(sent.length).toBeGreaterThanOrEqual(7);
    const scans = plans.filter((plan) => /Seq Scan on (deliveries|events|delivery_attempts)/.test(plan));
    expect(scans).toEqual([]);
  });
});
