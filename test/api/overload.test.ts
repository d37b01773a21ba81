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
