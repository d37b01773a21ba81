import { TestSystem, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const url = 'https://example.com/hook';
const missingId = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

const call = (method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown) =>
  system.call(method, path, { token: tenant.token, body });

const auditOf = (id: string) =>
  system.database.query<{ action: string; actor: string; details: object }>(
    'SELECT action, actor, details FROM hook.audit_logs WHERE target = $1 ORDER BY id',
    [`webhook:${id}`],
  );

describe('POST /v1/webhooks: 201', () => {
  it('fills in what is left out', async () => {
    const answer = await call('POST', '/v1/webhooks', { url });

    expectData(answer, 201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body.data).toEqual({
      id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      tenant_id: tenant.id,
      url,
      description: null,
      event_types: ['*'],
      channel: null,
      is_active: true,
      state: 'active',
      state_reason: null,
      headers: {},
      retry_policy: 'default',
      timeout_ms: 5000,
      max_in_flight: 10,
      ttl_seconds: 86_400,
      max_queue_size: 10_000,
      lane: 'workflow',
      api_version: 'v1',
      signing_algorithm: 'HMAC-SHA256',
      created_at: expect.stringMatching(/\.\d{3}Z$/),
      updated_at: expect.stringMatching(/\.\d{3}Z$/),
      secret: expect.stringMatching(/^whsec_/),
    });
  });

  it('keeps what is given', async () => {
    const given = {
      url,
      description: 'Orders',
      event_types: ['order.*', 'invoice.paid'],
      channel: 'eu',
      is_active: false,
      retry_policy: { delays_seconds: [1, 2, 3] },
      timeout_ms: 1000,
      max_in_flight: 1,
      ttl_seconds: 7,
      max_queue_size: 5,
      lane: 'workflow',
      tenant_id: tenant.id,
    };

    const created = await call('POST', '/v1/webhooks', { ...given, secret: 'a secret of my own' });
    const read = await call('GET', `/v1/webhooks/${created.body.data.id}`);

    expect(created.body.data).toMatchObject({ ...given, state: 'disabled', state_reason: 'manual' });
    expect(read.body.data).toEqual(created.body.data);
  });

  it('writes an audit row that names the client and what was made, and nothing secret', async () => {
    const { id } = await system.createWebhook(tenant, { url, description: 'Orders' });

    const [row] = await auditOf(id);

    expect(row).toMatchObject({ action: 'webhook.created', actor: `client:${tenant.clientId}` });
    expect(row?.details).toMatchObject({ description: 'Orders', url: 'https://example.com/...', state: 'active' });
  });

  it('answers without /v1 as well', async () => {
    expect((await call('POST', '/webhooks', { url })).status).toBe(201);
  });

  it('takes as many disabled webhooks as one likes beside the active ones', async () => {
    for (let n = 0; n < 10; n++) await system.createWebhook(tenant, { url });

    const answer = await call('POST', '/v1/webhooks', { url, is_active: false });

    expect(answer.status).toBe(201);
  });
});

describe('POST /v1/webhooks: 422 MAX_WEBHOOKS_EXCEEDED', () => {
  it('refuses the eleventh active webhook and leaves no row of it', async () => {
    for (let n = 0; n < 10; n++) await system.createWebhook(tenant, { url });

    const answer = await call('POST', '/v1/webhooks', { url });

    expectRefusal(answer, 422, 'MAX_WEBHOOKS_EXCEEDED');
    expect((await call('GET', '/v1/webhooks')).body.pagination.total).toBe(10);
  });

  it('takes one again once another was deleted or disabled', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) ids.push((await system.createWebhook(tenant, { url })).id);

    await call('DELETE', `/v1/webhooks/${ids[0]}`);
    await call('PATCH', `/v1/webhooks/${ids[1]}`, { is_active: false });

    expect((await call('POST', '/v1/webhooks', { url })).status).toBe(201);
    expect((await call('PATCH', `/v1/webhooks/${ids[1]}`, { is_active: true })).status).toBe(200);
    expectRefusal(await call('POST', '/v1/webhooks', { url }), 422, 'MAX_WEBHOOKS_EXCEEDED');
  });

  it('keeps the place of a paused webhook', async () => {
    for (let n = 0; n < 10; n++) await system.createWebhook(tenant, { url });
    await system.database.query("UPDATE hook.webhook_configs SET state = 'paused' WHERE tenant_id = $1", [tenant.id]);

    expectRefusal(await call('POST', '/v1/webhooks', { url }), 422, 'MAX_WEBHOOKS_EXCEEDED');
  });

  it('changes nothing of a disabled webhook that would be one too many', async () => {
    const { id } = await system.createWebhook(tenant, { url, is_active: false });
    for (let n = 0; n < 10; n++) await system.createWebhook(tenant, { url });

    const answer = await call('PATCH', `/v1/webhooks/${id}`, { is_active: true, description: 'new' });

    expectRefusal(answer, 422, 'MAX_WEBHOOKS_EXCEEDED');
    expect((await call('GET', `/v1/webhooks/${id}`)).body.data).toMatchObject({ state: 'disabled', description: null });
    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['webhook.created']);
  });
});

describe('DELETE /v1/webhooks/:id', () => {
  it('is 204 without a body, and 404 from then on', async () => {
    const { id } = await system.createWebhook(tenant, { url });

    const answer = await call('DELETE', `/v1/webhooks/${id}`);

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers['content-type']).toBeUndefined();
    expectRefusal(await call('GET', `/v1/webhooks/${id}`), 404, 'NOT_FOUND');
    expectRefusal(await call('PATCH', `/v1/webhooks/${id}`, { description: 'x' }), 404, 'NOT_FOUND');
    expectRefusal(await call('DELETE', `/v1/webhooks/${id}`), 404, 'NOT_FOUND');
    expect((await call('GET', '/v1/webhooks')).body.data).toEqual([]);
  });

  it('keeps the row and writes one audit row', async () => {
    const { id } = await system.createWebhook(tenant, { url });

    await call('DELETE', `/v1/webhooks/${id}`);
    await call('DELETE', `/v1/webhooks/${id}`);

    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['webhook.created', 'webhook.deleted']);
    expect(
      await system.database.query('SELECT deleted_at IS NOT NULL AS gone FROM hook.webhook_configs WHERE id = $1', [
        id,
      ]),
    ).toEqual([{ gone: true }]);
  });
});

describe('a webhook that is not there: 404', () => {
  it.each([
    ['unknown', missingId],
    ['too short', 'ABC'],
    ['in lower case', missingId.toLowerCase()],
    ['with U+0000', '%00'],
    ['with an escaped slash', '..%2f..%2fetc'],
    ['far too long', 'x'.repeat(600)],
  ])('is answered alike for an id that is %s', async (_what, id) => {
    expectRefusal(await call('GET', `/v1/webhooks/${id}`), 404, 'NOT_FOUND');
    expectRefusal(await call('PATCH', `/v1/webhooks/${id}`, {}), 404, 'NOT_FOUND');
    expectRefusal(await call('PUT', `/v1/webhooks/${id}`, {}), 404, 'NOT_FOUND');
    expectRefusal(await call('DELETE', `/v1/webhooks/${id}`), 404, 'NOT_FOUND');
  });
});
