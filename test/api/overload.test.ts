import { TestSystem } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start({ env: { DB_POOL_MAX: '2' } });
});

afterAll(() => system.stop());

/** Requests of this system that wait for a lock; asked anew although a transaction is open. */
async function waitingForLock(): Promise<number> {
  await system.database.query('SELECT pg_stat_clear_snapshot()');
  const rows = await system.database.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  return rows.length;
}

describe('a request that finds every database connection taken', () => {
  it('is 503 with Retry-After, and those that have one end as they should', async () => {
    const tenant = await system.createTenant();
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    await system.database.query('BEGIN');
    await system.database.query('SELECT 1 FROM hook.webhook_configs WHERE id = $1 FOR UPDATE', [id]);
    const changes = [{ description: 'x' }, { timeout_ms: 1000 }].map((body) =>
      system.call('PATCH', `/v1/webhooks/${id}`, { token: tenant.token, body }),
    );
    await waitFor(async () => (await waitingForLock()) === 2, 'both changes to wait for the lock');

    const refused = await system.call('GET', '/v1/webhooks', { token: tenant.token });
    await system.database.query('COMMIT');

    expectRefusal(refused, 503, 'UNAVAILABLE');
    expect(refused.headers['retry-after']).toBe('1');
    expect((await Promise.all(changes)).map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a request whose transaction the database ends', () => {
  it('is 503 when its connection is taken away, as when the server goes down', async () => {
    const tenant = await system.createTenant();
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    await system.database.query('BEGIN');
    await system.database.query('SELECT 1 FROM hook.webhook_configs WHERE id = $1 FOR UPDATE', [id]);
    const change = system.call('PATCH', `/v1/webhooks/${id}`, { token: tenant.token, body: { description: 'x' } });
    await waitFor(async () => (await waitingForLock()) === 1, 'the change to wait for the lock');

    await system.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );

    expectRefusal(await change, 503, 'UNAVAILABLE');
    await system.database.query('COMMIT');
  });

  it('is 503 when it is the one that a deadlock is broken by', async () => {
    const tenant = await system.createTenant();
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/', is_active: false });
    const lock = "SELECT pg_advisory_xact_lock(hashtextextended('hook.active_webhooks:' || $1, 0))";
    await system.database.query('BEGIN');
    await system.database.query(lock, [tenant.id]);
    const change = system.call('POST', `/v1/webhooks/${id}/enable`, { token: tenant.token });
    await waitFor(async () => (await waitingForLock()) === 1, 'the change to wait for the lock');

    await system.database.query('SELECT 1 FROM hook.webhook_configs WHERE id = $1 FOR UPDATE', [id]);

    expectRefusal(await change, 503, 'UNAVAILABLE');
    await system.database.query('COMMIT');
  });
});
