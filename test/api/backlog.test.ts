/** What operators are told of deliveries that wait in Postgres. */
import { createBacklogCount } from '../../src/store/backlog';
import { TestSystem } from '../support/system';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});

afterAll(() => system.stop());

it('counts what nobody has begun and what waits for a slot, and how long the oldest has', async () => {
  const count = createBacklogCount(system.ctx.workerPool);
  expect(await count()).toEqual(
    expect.arrayContaining([
      { state: 'unstarted', deliveries: 0, oldestSeconds: 0 },
      { state: 'waiting', deliveries: 0, oldestSeconds: 0 },
    ]),
  );
  const tenant = await system.createTenant();
  await system.createWebhook(tenant, { url: 'https://example.com/hook' });
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push(...(await system.publish(tenant)));
  await system.database.query("UPDATE hook.deliveries SET created_at = now() - interval '90 seconds' WHERE id = $1", [
    ids[0],
  ]);
  await system.database.query(
    `UPDATE hook.deliveries SET claimed_by = NULL, claimed_until = NULL, waiting_since = now() - interval '30 seconds'
     WHERE id = $1`,
    [ids[2]],
  );

  const [retry] = await system.publish(tenant);
  await system.database.query(
    `UPDATE hook.deliveries SET status = 'FAILED_RETRY', claimed_by = NULL, claimed_until = NULL, next_attempt_at = now(),
            waiting_since = now() - interval '2 hours' WHERE id = $1`,
    [retry],
  );

  const found = Object.fromEntries((await count()).map((backlog) => [backlog.state, backlog]));

  expect(found).toMatchObject({ unstarted: { deliveries: 2 }, waiting: { deliveries: 2 } });
  expect(found['unstarted']?.oldestSeconds).toBeGreaterThanOrEqual(90);
  expect(found['waiting']?.oldestSeconds).toBeGreaterThanOrEqual(30);
  // A retry that has just fallen due has not waited for as long as its delivery has been there.
  expect(found['waiting']?.oldestSeconds).toBeLessThan(3600);
});
