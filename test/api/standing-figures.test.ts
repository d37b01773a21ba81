/** What operators are told of how things stand. */
import { createStandingCounts } from '../../src/store/standing-figures';
import { TestSystem } from '../support/system';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});

afterAll(() => system.stop());

it('counts dead letters, retries and webhooks of all tenants, and says who is near a quota', async () => {
  const { database } = system;
  const counts = createStandingCounts(system.ctx.workerPool);
  expect(await counts.figures()).toEqual({ deadLetters: 0, pendingRetries: 0, activeWebhooks: 0 });
  expect(await counts.quotaUse(20)).toEqual([]);
  const [one, other] = [await system.createTenant(), await system.createTenant()];
  for (const tenant of [one, other]) await system.createWebhook(tenant, { url: 'https://example.com/hook' });
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(...(await system.publish(one)));
  ids.push(...(await system.publish(other)));
  const set = (id: string | undefined, changes: string) =>
    database.query(`UPDATE hook.deliveries SET ${changes} WHERE id = $1`, [id]);
  const dead = "status = 'DEAD_LETTER', reason = 'EXHAUSTED', completed_at = now()";
  for (const id of [ids[0], ids[1], ids[5]]) await set(id, dead);
  await set(ids[2], `${dead}, resolved_at = now()`);
  await set(ids[3], "status = 'FAILED_RETRY', next_attempt_at = now()");
  await database.query('UPDATE hook.quotas SET max_dlq_size = 4, max_active_webhooks = 2');

  expect(await counts.figures()).toEqual({ deadLetters: 3, pendingRetries: 1, activeWebhooks: 2 });
  const use = await counts.quotaUse(20);
  expect(use.filter(({ quota }) => quota === 'max_dlq_size')).toEqual([
    { tenantId: one.id, quota: 'max_dlq_size', ratio: 0.5 },
    { tenantId: other.id, quota: 'max_dlq_size', ratio: 0.25 },
  ]);
  expect(use.filter(({ quota }) => quota === 'max_active_webhooks').map(({ ratio }) => ratio)).toEqual([0.5, 0.5]);
  expect((await counts.quotaUse(1)).filter(({ quota }) => quota === 'max_dlq_size')).toHaveLength(1);
});

it('a statement that Postgres does not carry out is counted by its name, one that it refuses is not', async () => {
  const { workerPool, telemetry } = system.ctx;
  const counted = async (): Promise<Record<string, number>> => {
    const metric = await telemetry.metrics.databaseErrors.get();
    return Object.fromEntries(metric.values.map(({ labels, value }) => [String(labels.operation), value]));
  };

  const broken = workerPool.query({ name: 'test.broken', text: 'SELECT FROM nothing_of_the_kind' });
  await expect(broken).rejects.toThrow(/nothing_of_the_kind/);
  const refused = workerPool.query({ name: 'test.refused', text: "SELECT 'x'::integer" });
  await expect(refused).rejects.toThrow(/integer/);

  expect(await counted()).toEqual({ 'test.broken': 1 });
});

it('the connections of both pools are told', async () => {
  const text = await system.ctx.telemetry.metrics.registry.metrics();

  expect(text).toMatch(/^hook_db_pool_max\{pool="worker"\} \d+$/m);
  for (const state of ['used', 'idle', 'waiting']) {
    expect(text).toMatch(new RegExp(`^hook_db_pool_connections\\{pool="svc",state="${state}"\\} \\d+$`, 'm'));
  }
});
