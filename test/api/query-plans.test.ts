/**
 * How Postgres answers the lists of the API when a tenant has many rows: by an index, and without
 * sorting more than a page. The queries are those that the API sends; each is explained as it was sent,
 * by the role that sent it and under its row-level policies.
 */
import { Client, type Pool } from 'pg';
import { lowestIdAt } from '../../src/domain/ids';
import { createClaims } from '../../src/store/claims';
import { createDirectClaims } from '../../src/store/direct-claims';
import { createExpire } from '../../src/store/expiry';
import { createWaiting } from '../../src/store/waiting';
import { queriesDuring, type Query } from '../support/sent-queries';
import { adminToken, TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;

const deliveries = 20_000;
/** Enough for a page at most, and an attempt's worth more. */
const page = 101;
const large = ['deliveries', 'events', 'webhook_configs', 'audit_logs'];
const [webhookA = '', webhookB = '', webhookC = ''] = ['A', 'B', 'C'].map(
  (end) => lowestIdAt(new Date(0)).slice(0, -1) + end,
);
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  await system.database.query(
    `INSERT INTO hook.tenants (id, name, client_id, client_secret_hash)
     SELECT 't' || n, 'x', 'c' || n, ''::bytea FROM generate_series(1, 100) n`,
  );
  // Three webhooks of the tenant with nearly all of its deliveries, and many of others.
  await system.database.query(
    `INSERT INTO hook.webhook_configs (id, tenant_id, url, secret_enc, state)
     SELECT w.id, $1::text, 'https://example.com/', ''::bytea, 'disabled' FROM unnest($2::text[]) AS w (id)
     UNION ALL
     SELECT lpad('W' || n, 26, '0'), 't' || n % 100 + 1, 'https://example.com/', ''::bytea, 'disabled'
     FROM generate_series(1, 5000) n`,
    [tenant.id, [webhookA, webhookB, webhookC]],
  );
  // One a second up to now; one in 100 is not a success, one in 1,000 of a type that is rare. Long ago
  // every other one became a dead letter, but for those of webhook B;
  // webhook C and a type had their time long ago as well.
  await system.database.query(
    `CREATE TEMPORARY TABLE filled AS
     SELECT n, CASE WHEN n % 20 = 0 THEN 't1' ELSE $1::text END AS tenant_id,
            CASE WHEN n % 10 = 1 THEN $3::text WHEN n BETWEEN 4000 AND 8000 AND n % 2 = 1 THEN $5::text
                 ELSE $2::text END AS webhook_id, 'e' || n AS event_id,
            CASE WHEN n % 1000 = 7 THEN 'Rare.type' WHEN n BETWEEN 4000 AND 8000 AND n % 2 = 1 THEN 'old.type' ELSE 'order.t' || n % 10 END AS type,
            CASE WHEN n <= 4000 AND n % 2 = 0 THEN 'DEAD_LETTER'
                 WHEN n % 100 <> 3 THEN 'SUCCESS'
                 ELSE (ARRAY['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED', 'DEAD_LETTER', 'CANCELLED'])[n / 100 % 6 + 1]
            END AS status,
            date_trunc('milliseconds', now() - ($4::int - n) * interval '1 second') AS at
     FROM generate_series(1, $4::int) n`,
    [tenant.id, webhookA, webhookB, deliveries, webhookC],
  );
  const times = await system.database.query<{ n: number; at: Date }>('SELECT n, at FROM filled');
  await system.database.query(
    `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
     SELECT tenant_id, event_id, type, '1', ''::bytea, at FROM filled`,
  );
  await system.database.query(
    `INSERT INTO hook.deliveries
       (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at)
     SELECT overlay(i.id PLACING lpad(n::text, 16, '0') FROM 11), tenant_id, webhook_id, event_id, type, status,
            at + interval '1 day', at
     FROM filled JOIN unnest($1::int[], $2::text[]) AS i (n, id) USING (n)`,
    [times.map(({ n }) => n), times.map(({ at }) => lowestIdAt(at))],
  );
  await system.database.query(
    `INSERT INTO hook.delivery_attempts (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number,
       replay_no, trigger, outcome, duration_ms, attempted_at)
     SELECT d.created_at::date, d.id, 'run', 1, d.tenant_id, d.webhook_id, 1, 0, 'schedule',
            CASE WHEN d.status = 'SUCCESS' THEN 'success' ELSE 'retry' END, 20, d.created_at
     FROM hook.deliveries d`,
  );
  // As many audit rows, a few of them of an action that was last seen long ago.
  await system.database.query(
    `INSERT INTO hook.audit_logs (id, tenant_id, action, actor, target, created_at)
     SELECT d.id, d.tenant_id, CASE WHEN d.event_id LIKE 'e10__' THEN 'delivery.cancelled' ELSE 'delivery.replayed' END,
            'admin', 'delivery:' || d.id, d.created_at
     FROM hook.deliveries d`,
  );
  await system.database.query('ANALYZE');
}, 120_000);

afterAll(() => system.stop());

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: PlanNode[];
}

/** The queries on our tables that a GET sends. */
async function queriesOf(path: string, token = tenant.token): Promise<Query[]> {
  const sent = await queriesDuring(async () => {
    const { status, text } = await system.call('GET', path, { token });
    if (status !== 200) throw new Error(`${path}: ${text}`);
  });
  return sent.filter(({ text }) =>
    /"?hook"?\."?(deliveries|events|delivery_attempts|webhook_configs|audit_logs)/.test(text),
  );
}

/** As it is planned: by a worker once for all values, in the API for each. */
async function explain({ begin, text, values }: Query, url = system.database.serviceUrl): Promise<PlanNode> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(begin);
    await client.query("SELECT set_config('app.tenant', $1, true)", [tenant.id]);
    if (url === system.database.workerUrl) await client.query("SET LOCAL plan_cache_mode = 'force_generic_plan'");
    await client.query(`PREPARE explained AS ${text}`);
    const literals: string[] = [];
    for (const value of values) literals.push(await literalOf(client, value));
    const execute = literals.length === 0 ? 'EXECUTE explained' : `EXECUTE explained (${literals.join(', ')})`;
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${execute}`,
    );
    return rows[0]?.['QUERY PLAN'][0]?.Plan as PlanNode;
  } finally {
    await client.end();
  }
}

/** As pg sends it, and Postgres reads it. */
async function literalOf(client: Client, value: unknown): Promise<string> {
  const { rows } = await client.query<{ literal: string }>('SELECT quote_nullable($1::text) AS literal', [value]);
  return rows[0]?.literal ?? 'NULL';
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** A partition that is empty or has a handful of rows is best read as it is; a table of ours is not. */
const scansATable = (node: PlanNode): boolean =>
  node['Node Type'] === 'Seq Scan' &&
  (large.includes(node['Relation Name'] ?? '') || node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) > page);

const cursor = (key: string) => `cursor=${Buffer.from(key).toString('base64url')}`;
const middle = lowestIdAt(new Date(Date.now() - 3 * 3_600_000));
const span = `from=${minutesAgo(200)}&to=${minutesAgo(100)}`;

const lists = [
  '/v1/webhooks',
  '/v1/webhooks?state=disabled',
  '/v1/deliveries',
  `/v1/deliveries?${cursor(middle)}`,
  `/v1/deliveries?${span}`,
  `/v1/deliveries?webhook_id=${webhookB}`,
  `/v1/deliveries?webhook_id=${webhookB}&${span}`,
  '/v1/deliveries?event_id=e777',
  '/v1/deliveries?event_type=rare.type',
  `/v1/deliveries?event_type=rare.type&${span}`,
  '/v1/deliveries?event_type=order.t1',
  '/v1/deliveries?event_type=nothing.such',
  '/v1/deliveries?event_type=old.type',
  `/v1/deliveries?webhook_id=${webhookC}`,
  `/v1/deliveries?webhook_id=${webhookC}&status=SUCCESS`,
  ...['PENDING', 'IN_PROGRESS', 'SUCCESS', 'FAILED_RETRY', 'PAUSED', 'DEAD_LETTER', 'CANCELLED'].flatMap((status) => [
    `/v1/deliveries?status=${status}`,
    `/v1/deliveries?status=${status}&${cursor(middle)}`,
    `/v1/deliveries?status=${status}&webhook_id=${webhookA}`,
    `/v1/deliveries?status=${status}&webhook_id=${webhookB}`,
  ]),
  `/v1/deliveries?limit=100&status=DEAD_LETTER&${span}`,
  '/v1/events',
  `/v1/events?${cursor(`${Date.now() - 3_600_000} e1`)}`,
  `/v1/events?${span}`,
  '/v1/events?type=RARE.type',
  `/v1/events?type=rare.type&${cursor(`${Date.now() - 3_600_000} e1`)}`,
  `/v1/events?type=order.t1&${span}`,
  '/v1/events?type=nothing.such',
  '/v1/events?type=old.type',
  `/v1/events?type=old.type&limit=100&${span}`,
  '/v1/events/e777',
  '/v1/audit-logs',
  `/v1/audit-logs?${cursor(middle)}`,
  `/v1/audit-logs?${span}`,
  '/v1/audit-logs?action=delivery.cancelled',
  `/v1/audit-logs?action=delivery.cancelled&${cursor(middle)}`,
  `/v1/audit-logs?action=delivery.replayed&limit=100&${span}`,
  '/v1/audit-logs?action=quota.exceeded',
];

describe('a list', () => {
  it.each(lists)('GET %s reads a few rows by an index and sorts none but a page', async (path) => {
    const queries = await queriesOf(path);

    expect(queries.length).toBeGreaterThan(0);
    for (const query of queries) {
      const nodes = nodesOf(await explain(query));

      expect(nodes.filter(scansATable)).toEqual([]);
      const sorts = nodes.filter((node) => node['Node Type'].includes('Sort'));
      expect(sorts.flatMap(({ Plans = [] }) => Plans).filter((node) => node['Actual Rows'] > page)).toEqual([]);
      // What was read and thrown away again: a list that walks an index past other rows would show here.
      const wasted = nodes.reduce((sum, node) => sum + (node['Rows Removed by Filter'] ?? 0), 0);
      expect(wasted).toBeLessThan(10 * page);
    }
  });

  it('GET /v1/deliveries/:id/attempts reads those of its delivery', async () => {
    const [delivery] = await system.database.query<{ id: string }>(
      'SELECT id FROM hook.deliveries WHERE tenant_id = $1 LIMIT 1',
      [tenant.id],
    );

    for (const query of await queriesOf(`/v1/deliveries/${delivery?.id}/attempts`)) {
      const nodes = nodesOf(await explain(query));

      expect(nodes.filter(scansATable)).toEqual([]);
      expect(Math.max(...nodes.map((node) => node['Actual Rows']))).toBeLessThanOrEqual(page);
    }
  });
});

describe('what counts', () => {
  it.each([() => '/v1/event-types', () => `/v1/webhooks/${webhookB}/stats`, () => `/v1/quotas/${tenant.id}`])(
    'GET %s reads an index',
    async (path) => {
      const queries = await queriesOf(path());

      expect(queries.length).toBeGreaterThan(0);
      for (const query of queries) {
        expect(nodesOf(await explain(query)).filter(scansATable)).toEqual([]);
      }
    },
  );
});

describe('what the admin reads of all tenants', () => {
  beforeAll(async () => {
    await system.database.query(
      `UPDATE hook.webhook_configs SET state = 'paused', state_reason = 'failing', failing_since = now()
       WHERE id = ANY($1)`,
      [[webhookB, webhookC]],
    );
    await system.database.query('ANALYZE hook.webhook_configs');
  });

  const explained = async (path: string): Promise<PlanNode[]> => {
    const plans: PlanNode[] = [];
    for (const query of await queriesOf(path, adminToken)) {
      const plan = await explain(query, system.database.workerUrl);
      plans.push(...nodesOf(plan));
    }
    return plans;
  };

  it('GET /v1/admin/overview reads indexes, and no more of them than it counts', async () => {
    const nodes = await explained('/v1/admin/overview');

    expect(nodes.filter(scansATable)).toEqual([]);
    expect(nodes.some((node) => node['Relation Name'] === 'deliveries')).toBe(true);
    const wasted = nodes.reduce((sum, node) => sum + (node['Rows Removed by Filter'] ?? 0), 0);
    expect(wasted).toBeLessThan(10 * page);
  });

  it.each([
    '/v1/admin/webhooks?unhealthy=true',
    '/v1/admin/webhooks?state=paused',
    '/v1/admin/webhooks?state=active',
    '/v1/admin/webhooks?tenant_id=t7',
    `/v1/admin/webhooks/${webhookB}`,
  ])('GET %s reads an index', async (path) => {
    const nodes = await explained(path);

    expect(nodes.length).toBeGreaterThan(0);
    expect(nodes.filter(scansATable)).toEqual([]);
  });
});

describe('what a worker takes it finds by an index, however few there are in a table however large', () => {
  const claim = { by: 'this process', forMs: 30_000 };
  const work: [string, (pool: Pool) => Promise<unknown>][] = [
    ['lapsed claims', (pool) => createClaims(pool).takeOver(claim, 100)],
    ['overdue retries', (pool) => createClaims(pool).takeOverdue(claim, 100)],
    ['first attempts of the direct lane', (pool) => createDirectClaims(pool, () => {}).take(claim, 500)],
    ['what waits for a slot', (pool) => createWaiting(pool).admit(webhookA, claim, 100)],
    ['what has expired', (pool) => createExpire(pool)(500)],
  ];

  /** The planner expects as many as there were when it looked last. */
  beforeAll(async () => {
    const some = (rest: number): string => `id IN (SELECT id FROM hook.deliveries WHERE status = 'SUCCESS'
      AND webhook_id = '${webhookA}' AND right(event_id, 1) = '${rest}' LIMIT 1500)`;
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'FAILED_RETRY', next_attempt_at = now() - interval '1 hour' WHERE ${some(2)}`,
    );
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'PENDING', claimed_by = 'direct', claimed_until = now() - interval '1 hour'
       WHERE ${some(4)}`,
    );
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'PENDING', waiting_since = created_at, expires_at = now() - interval '1 hour'
       WHERE ${some(6)}`,
    );
    await system.database.query('ANALYZE hook.deliveries');
  });

  it.each(work)('%s', async (_what, take) => {
    const [query] = await queriesDuring(async () => void (await take(system.ctx.workerPool)));
    const plan = await explain(query as Query, system.database.workerUrl);

    const read = nodesOf(plan).filter((node) => node['Relation Name'] === 'deliveries');
    expect(read.length).toBeGreaterThan(0);
    expect(read.filter(scansATable)).toEqual([]);
  });
});
