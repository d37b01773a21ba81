import { ulid } from 'ulid';
import { newId } from '../../src/domain/ids';
import { adminToken, TestSystem, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let one: TestTenant;
let other: TestTenant;

/** What is listed and counted is the whole database, so that nobody else may put anything into it. */
async function start(): Promise<void> {
  system = await TestSystem.start();
  one = await system.createTenant();
  other = await system.createTenant();
}

const asAdmin = (path: string) => system.call('GET', `/v1/admin${path}`, { token: adminToken });
const create = async (tenant: TestTenant): Promise<string> =>
  (await system.createWebhook(tenant, { url: 'https://example.com/hook' })).id;
const act = (tenant: TestTenant, id: string, action: string) =>
  system.call('POST', `/v1/webhooks/${id}/${action}`, { token: tenant.token });

const setWebhook = (id: string, set: string) =>
  system.database.query(`UPDATE hook.webhook_configs SET ${set} WHERE id = $1`, [id]);

const failing = "consecutive_failures = 3, failing_since = '2026-01-01T00:00:00Z'";

async function storeDelivery(tenant: TestTenant, status: string, createdAt: Date, resolved = false): Promise<void> {
  await system.database.query(
    `INSERT INTO hook.deliveries
       (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at, resolved_at)
     VALUES ($1::text, $2, 'w', $1::text, 'a', $3, '2040-01-01', $4, $5)`,
    [ulid(createdAt.getTime()), tenant.id, status, createdAt, resolved ? createdAt : null],
  );
}

const storeEvent = (tenant: TestTenant, createdAt: Date) =>
  system.database.query(
    `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
     VALUES ($1, $2, 'a', '1', '', $3)`,
    [tenant.id, newId(), createdAt],
  );

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

describe('GET /v1/admin/overview', () => {
  beforeEach(start);
  afterEach(() => system.stop());

  it('is all zeros without anything but tenants', async () => {
    const answer = await asAdmin('/overview');

    expectData(answer, 200);
    expect(answer.body.data).toEqual({
      tenants: 2,
      webhooks: { by_state: { active: 0, paused: 0, disabled: 0 }, unhealthy: 0 },
      events_last_24h: 0,
      backlog: {
        by_status: { PENDING: 0, IN_PROGRESS: 0, FAILED_RETRY: 0, PAUSED: 0 },
        oldest_created_at: null,
        oldest_age_seconds: null,
      },
      dead_letters: 0,
    });
  });

  it('adds up what all tenants have', async () => {
    await system.call('DELETE', `/v1/tenants/${(await system.createTenant()).id}`, { token: adminToken });
    await create(one);
    await act(one, await create(one), 'pause');
    await act(other, await create(other), 'disable');
    await setWebhook(await create(other), failing);
    const oldest = hoursAgo(30);
    for (const tenant of [one, other]) {
      await storeEvent(tenant, hoursAgo(23));
      await storeEvent(tenant, hoursAgo(25));
      for (const status of ['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED', 'SUCCESS', 'DEAD_LETTER']) {
        await storeDelivery(tenant, status, hoursAgo(2));
      }
    }
    await storeDelivery(other, 'PAUSED', oldest);
    await storeDelivery(other, 'SUCCESS', hoursAgo(100));
    await storeDelivery(other, 'DEAD_LETTER', hoursAgo(100), true);

    const { body } = await asAdmin('/overview');

    expect(body.data).toEqual({
      tenants: 2,
      webhooks: { by_state: { active: 2, paused: 1, disabled: 1 }, unhealthy: 1 },
      events_last_24h: 2,
      backlog: {
        by_status: { PENDING: 2, IN_PROGRESS: 2, FAILED_RETRY: 2, PAUSED: 3 },
        oldest_created_at: oldest.toISOString(),
        oldest_age_seconds: expect.any(Number),
      },
      dead_letters: 2,
    });
    expect(body.data.backlog.oldest_age_seconds).toBeGreaterThanOrEqual(30 * 3600);
    expect(body.data.backlog.oldest_age_seconds).toBeLessThan(30 * 3600 + 60);
  });

  it('counts no further than it says', async () => {
    const fill = (table: string, columns: string, values: string) =>
      system.database.query(
        `INSERT INTO hook.${table} (id, tenant_id, ${columns})
         SELECT 'x' || n, CASE WHEN n % 2 = 0 THEN $1 ELSE $2 END, ${values} FROM generate_series(1, 100200) n`,
        [one.id, other.id],
      );
    await fill('deliveries', 'webhook_id, event_id, event_type, status, expires_at', "'w', n, 'a', 'PENDING', now()");
    await fill('events', 'type, payload_snapshot, body_hash', "'a', '1', ''");

    const { body } = await asAdmin('/overview');

    expect(body.data).toMatchObject({ events_last_24h: 100_000, backlog: { by_status: { PENDING: 100_000 } } });
  }, 60_000);
});

describe('GET /v1/admin/webhooks', () => {
  let ids: Record<'active' | 'byHand' | 'bySystem' | 'gone' | 'failing', string>;
  const idsOf = async (query: string) =>
    (await asAdmin(`/webhooks${query}`)).body.data.map(({ id }: { id: string }) => id);

  beforeAll(async () => {
    await start();
    ids = {
      active: await create(one),
      byHand: await create(one),
      bySystem: await create(other),
      gone: await create(other),
      failing: await create(other),
    };
    await act(one, ids.byHand, 'pause');
    await setWebhook(ids.bySystem, "state = 'paused', state_reason = 'failing'");
    await setWebhook(ids.gone, "state = 'disabled', state_reason = 'gone'");
    await setWebhook(ids.failing, failing);
  });

  afterAll(() => system.stop());

  it('lists those of all tenants as the API shows them, newest first', async () => {
    const answer = await asAdmin('/webhooks');

    expect(answer.body).toMatchObject({ error: null, pagination: { limit: 20, offset: 0, total: 5 } });
    expect(answer.body.data.map(({ id }: { id: string }) => id)).toEqual(Object.values(ids).toReversed());
    const own = await system.call('GET', `/v1/webhooks/${ids.gone}`, { token: other.token });
    expect(answer.body.data[1]).toEqual(own.body.data);
    expect(answer.body.data[1].tenant_id).toBe(other.id);
  });

  it('filters by state, by tenant and by what is not well, and pages', async () => {
    expect(await idsOf('?state=paused')).toEqual([ids.bySystem, ids.byHand]);
    expect(await idsOf(`?tenant_id=${one.id}`)).toEqual([ids.byHand, ids.active]);
    expect(await idsOf('?tenant_id=nobody')).toEqual([]);
    expect(await idsOf('?unhealthy=true')).toEqual([ids.failing, ids.gone, ids.bySystem]);
    expect(await idsOf('?unhealthy=false')).toEqual([ids.byHand, ids.active]);
    expect(await idsOf('?unhealthy=true&state=paused')).toEqual([ids.bySystem]);
    expect(await idsOf('?limit=2&offset=1')).toEqual([ids.gone, ids.bySystem]);
    expect(await idsOf('?limit=2&page=3')).toEqual([ids.active]);
  });

  it('goes by the parameter and not by x-tenant-id', async () => {
    const answer = await system.call('GET', '/v1/admin/webhooks', {
      token: adminToken,
      headers: { 'x-tenant-id': one.id },
    });

    expect(answer.body.pagination.total).toBe(5);
  });

  it.each([
    ['?state=deleted', 'state'],
    ['?unhealthy=perhaps', 'unhealthy'],
    ["?tenant_id=' OR 1=1", 'tenant_id'],
    ['?limit=101', 'limit'],
    ['?page=2&offset=2', 'page'],
    ['?cursor=x', 'cursor'],
  ])('400 for %s, and names the parameter', async (query, field) => {
    expectRefusal(await asAdmin(`/webhooks${query}`), 400, 'VALIDATION_ERROR', field);
  });

  it('leaves out what was deleted', async () => {
    await system.call('DELETE', `/v1/webhooks/${ids.active}`, { token: one.token });
    await system.call('DELETE', `/v1/tenants/${other.id}`, { token: adminToken });

    expect(await idsOf('')).toEqual([ids.byHand]);
  });
});

describe('GET /v1/admin/webhooks/:id', () => {
  beforeAll(start);
  afterAll(() => system.stop());

  it('shows the webhook, whose it is and how it fares', async () => {
    const id = await create(other);
    await setWebhook(id, failing);
    await system.publish(other);

    const answer = await asAdmin(`/webhooks/${id}`);

    expectData(answer, 200);
    const own = await system.call('GET', `/v1/webhooks/${id}`, { token: other.token });
    expect(answer.body.data).toEqual({
      ...own.body.data,
      tenant_name: 'A tenant',
      consecutive_failures: 3,
      failing_since: '2026-01-01T00:00:00.000Z',
      stats: expect.objectContaining({ queued: 1, in_flight: 0, last_success_at: null }),
    });
  });

  it('404 for a webhook that is not there, or not any more', async () => {
    const id = await create(one);
    await system.call('DELETE', `/v1/webhooks/${id}`, { token: one.token });

    for (const missing of [id, newId(), 'x']) {
      expectRefusal(await asAdmin(`/webhooks/${missing}`), 404, 'NOT_FOUND');
    }
  });
});

describe('the admin routes', () => {
  beforeAll(start);
  afterAll(() => system.stop());

  it('are 403 for tenants and their keys, and 401 for strangers', async () => {
    const id = await create(one);
    const key = await system.call('POST', '/v1/keys', {
      token: one.token,
      body: { name: 'k', scopes: ['read:webhooks', 'read:audit'] },
    });

    for (const path of ['/overview', '/webhooks', `/webhooks/${id}`]) {
      const url = `/v1/admin${path}`;
      expectRefusal(await system.call('GET', url, { token: one.token }), 403, 'FORBIDDEN');
      expectRefusal(await system.call('GET', url, { headers: { 'x-api-key': key.body.data.key } }), 403, 'FORBIDDEN');
      expectRefusal(await system.call('GET', url), 401, 'UNAUTHORIZED');
    }
  });
});
