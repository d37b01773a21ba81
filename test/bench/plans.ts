/** How Postgres answers the lists of the API over the whole history: the statements as the API sends them. */
import { Client } from 'pg';
import type { App } from '../../src/api/http';
import { queriesDuring, type Query } from '../support/sent-queries';
import type { BenchDatabase, History } from './database';

export interface Plan {
  readonly path: string;
  readonly text: string;
  /** Tables of many rows that it reads from end to end. */
  readonly scanned: string[];
}

/** Rows from which on a table is not read as a whole. */
const manyRows = 5_000;

export async function explainLists(
  app: App,
  database: BenchDatabase,
  tenant: { id: string; token: string },
  history: History,
): Promise<Plan[]> {
  const large = await largeTables(database);
  const plans: Plan[] = [];
  for (const path of listsOf(history)) {
    const queries = await queriesDuring(async () => {
      const answer = await app.inject({
        method: 'GET',
        url: path,
        headers: { authorization: `Bearer ${tenant.token}` },
      });
      if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.body}`);
    });
    for (const query of queries.filter(({ text }) => /"?hook"?\."?(deliver|events|webhook_configs)/.test(text))) {
      const text = await explain(database, tenant.id, query);
      const scanned = [...text.matchAll(/Seq Scan on (\w+)/g)].map(([, table = '']) => table);
      plans.push({ path, text, scanned: scanned.filter((table) => large.has(table)) });
    }
  }
  return plans;
}

function listsOf({ webhookId, eventId, deliveryId }: History): string[] {
  const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
  const span = `from=${hoursAgo(240)}&to=${hoursAgo(200)}`;
  return [
    '/v1/deliveries',
    `/v1/deliveries?${span}`,
    '/v1/deliveries?status=SUCCESS',
    '/v1/deliveries?status=DEAD_LETTER',
    `/v1/deliveries?status=DEAD_LETTER&${span}`,
    `/v1/deliveries?status=DEAD_LETTER&webhook_id=${webhookId}`,
    '/v1/deliveries?status=PENDING',
    `/v1/deliveries?webhook_id=${webhookId}`,
    `/v1/deliveries?event_id=${eventId}`,
    '/v1/deliveries?event_type=rare.type',
    '/v1/deliveries?event_type=nothing.such',
    `/v1/deliveries/${deliveryId}/attempts`,
    '/v1/events',
    `/v1/events?${span}`,
    '/v1/events?type=rare.type',
    `/v1/events/${eventId}`,
    '/v1/event-types',
    '/v1/dlq',
    `/v1/dlq?${span}`,
    `/v1/dlq/webhook/${webhookId}`,
    '/v1/webhooks',
    `/v1/webhooks/${webhookId}/stats`,
  ];
}

async function largeTables({ admin }: BenchDatabase): Promise<Set<string>> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'hook' AND c.relkind = 'r' AND c.reltuples > $1`,
    [manyRows],
  );
  return new Set(rows.map(({ name }) => name));
}

/** As the role that sends it, under its row-level policies. */
async function explain({ serviceUrl }: BenchDatabase, tenantId: string, { text, values }: Query): Promise<string> {
  const client = new Client({ connectionString: serviceUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query("SELECT set_config('app.tenant', $1, true)", [tenantId]);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${text}`, values);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  } finally {
    await client.end();
  }
}
