import { createHash } from 'node:crypto';
import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});

afterAll(() => system.stop());

const asAdmin = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: unknown) =>
  system.call(method, url, { token: adminToken, ...(body !== undefined && { body }) });

const logIn = ({ clientId }: TestTenant, clientSecret: string) =>
  system.call('POST', '/v1/auth', {
    body: { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
  });

const tenantRow = async (id: string) => {
  const [row] = await system.database.query<{ client_secret_hash: Buffer; credentials_version: number; whole: string }>(
    'SELECT client_secret_hash, credentials_version, t::text AS whole FROM hook.tenants t WHERE id = $1',
    [id],
  );
  return row;
};

const auditOf = (tenantId: string, action: string) =>
  system.database.query(
    'SELECT actor, target, details, request_id FROM hook.audit_logs WHERE tenant_id = $1 AND action = $2',
    [tenantId, action],
  );

const soon = (ask: () => Promise<ApiAnswer>, status: number) =>
  waitFor(async () => (await ask()).status === status, `the answer ${status}`, 2_500);

describe('GET /v1/tenants', () => {
  it('lists tenants newest first, in pages, with how many there are', async () => {
    const listed = await TestSystem.start();
    const made: string[] = [];
    for (let n = 0; n < 3; n++) made.unshift((await listed.createTenant()).id);
    const list = async (query: string) => (await listed.call('GET', `/v1/tenants${query}`, { token: adminToken })).body;

    const all = await list('');
    const second = await list('?limit=2&page=2');
    const offset = await list('?limit=1&offset=1');

    await listed.stop();
    expect(all.data.map(({ id }: { id: string }) => id)).toEqual(made);
    expect(all.pagination).toEqual({ limit: 20, offset: 0, total: 3 });
    expect(second).toMatchObject({ data: [{ id: made[2] }], pagination: { limit: 2, offset: 2, total: 3 } });
    expect(offset).toMatchObject({ data: [{ id: made[1] }], pagination: { limit: 1, offset: 1, total: 3 } });
  });

  it('shows nothing of a secret', async () => {
    const tenant = await system.createTenant();

    const answer = await asAdmin('GET', '/v1/tenants?limit=100');

    const shown = answer.body.data.find(({ id }: { id: string }) => id === tenant.id);
    expect(Object.keys(shown).sort()).toEqual(['client_id', 'created_at', 'id', 'name', 'updated_at']);
    expect(answer.text).not.toContain(tenant.clientSecret);
  });

  it.each(['?limit=0', '?limit=101', '?offset=-1', '?page=0', '?page=2&offset=1', '?name=x'])(
    'refuses %s',
    async (query) => {
      expectRefusal(await asAdmin('GET', `/v1/tenants${query}`), 400, 'VALIDATION_ERROR');
    },
  );
});

describe('GET /v1/tenants/:id', () => {
  it('answers the tenant', async () => {
    const { id, clientId } = await system.createTenant();

    const answer = await asAdmin('GET', `/v1/tenants/${id}`);

    expectData(answer, 200);
    expect(answer.body.data).toMatchObject({ id, name: 'A tenant', client_id: clientId });
  });
});

describe('PATCH /v1/tenants/:id', () => {
  it('renames the tenant and tells the audit log what was there before', async () => {
    const { id, token } = await system.createTenant();

    const answer = await asAdmin('PATCH', `/v1/tenants/${id}`, { name: 'Renamed' });

    expectData(answer, 200);
    expect(answer.body.data.name).toBe('Renamed');
    expect((await asAdmin('GET', `/v1/tenants/${id}`)).body.data).toEqual(answer.body.data);
    expect(await auditOf(id, 'tenant.updated')).toEqual([
      {
        actor: 'admin',
        target: `tenant:${id}`,
        details: { before: { name: 'A tenant' }, after: { name: 'Renamed' } },
        request_id: answer.headers['x-request-id'],
      },
    ]);
    expect((await system.call('GET', '/v1/webhooks', { token })).status).toBe(200);
  });

  it.each([
    [{}, 'name'],
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(256) }, 'name'],
    [{ name: null }, 'name'],
    [{ name: 'x', client_id: 'ehc_mine' }, 'client_id'],
  ])('refuses %j and writes nothing', async (body, field) => {
    const { id } = await system.createTenant();

    expectRefusal(await asAdmin('PATCH', `/v1/tenants/${id}`, body), 400, 'VALIDATION_ERROR', field);
    expect(await auditOf(id, 'tenant.updated')).toEqual([]);
  });
});

describe('POST /v1/tenants/:id/rotate-credentials', () => {
  it('answers a new secret once, keeps its hash and raises the version', async () => {
    const tenant = await system.createTenant();

    const answer = await asAdmin('POST', `/v1/tenants/${tenant.id}/rotate-credentials`);

    expectData(answer, 200);
    const secret: string = answer.body.data.client_secret;
    expect(answer.body.data).toEqual({
      id: tenant.id,
      client_id: tenant.clientId,
      client_secret: expect.stringMatching(/^ehs_[\w-]{43}$/),
    });
    expect(secret).not.toBe(tenant.clientSecret);
    const row = await tenantRow(tenant.id);
    expect(row).toMatchObject({
      client_secret_hash: createHash('sha256').update(secret).digest(),
      credentials_version: 2,
    });
    expect(row?.whole).not.toContain(secret);
    expect(await auditOf(tenant.id, 'credentials.rotated')).toEqual([
      {
        actor: 'admin',
        target: `tenant:${tenant.id}`,
        details: { credentials_version: 2 },
        request_id: answer.headers['x-request-id'],
      },
    ]);
  });

  it('takes the new secret at once and the old one no more, and ends the old tokens within two seconds', async () => {
    const tenant = await system.createTenant();
    const use = (token: string) => system.call('GET', '/v1/webhooks', { token });
    expect((await use(tenant.token)).status).toBe(200);

    const { body } = await asAdmin('POST', `/v1/tenants/${tenant.id}/rotate-credentials`);

    await soon(() => use(tenant.token), 401);
    expect((await logIn(tenant, tenant.clientSecret)).status).toBe(401);
    const fresh = await logIn(tenant, body.data.client_secret);
    expect((await use(fresh.body.access_token)).status).toBe(200);
  });

  it('raises the version once for each of several at a time', async () => {
    const tenant = await system.createTenant();

    const answers = await Promise.all(
      Array.from({ length: 5 }, () => asAdmin('POST', `/v1/tenants/${tenant.id}/rotate-credentials`)),
    );

    const secrets = answers.map(({ body }) => body.data.client_secret);
    const working = await Promise.all(secrets.map(async (secret) => (await logIn(tenant, secret)).status === 200));
    expect(new Set(secrets).size).toBe(5);
    expect(working.filter(Boolean)).toHaveLength(1);
    expect((await tenantRow(tenant.id))?.credentials_version).toBe(6);
  });
});

describe('DELETE /v1/tenants/:id', () => {
  it('ends credentials, tokens and API keys within two seconds', async () => {
    const tenant = await system.createTenant();
    const key = await system.call('POST', '/v1/keys', {
      token: tenant.token,
      body: { name: 'k', scopes: ['read:webhooks'] },
    });
    const byToken = () => system.call('GET', '/v1/webhooks', { token: tenant.token });
    const byKey = () => system.call('GET', '/v1/webhooks', { headers: { 'x-api-key': key.body.data.key } });
    expect([(await byToken()).status, (await byKey()).status]).toEqual([200, 200]);

    const answer = await asAdmin('DELETE', `/v1/tenants/${tenant.id}`);

    expect([answer.status, answer.text]).toEqual([204, '']);
    await Promise.all([soon(byToken, 401), soon(byKey, 401)]);
    expect((await logIn(tenant, tenant.clientSecret)).status).toBe(401);
  });

  it('deletes its webhooks and keys with it, each with an audit row, and nothing of others', async () => {
    const tenant = await system.createTenant();
    const other = await system.createTenant();
    const webhook = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const kept = await system.createWebhook(other, { url: 'https://example.com/' });
    const key = await system.call('POST', '/v1/keys', {
      token: tenant.token,
      body: { name: 'k', scopes: ['read:webhooks'] },
    });

    await asAdmin('DELETE', `/v1/tenants/${tenant.id}`);

    const row = { actor: 'admin', request_id: expect.any(String) };
    const details = { name: 'k', prefix: key.body.data.key.slice(0, 10) };
    expect(await auditOf(tenant.id, 'tenant.deleted')).toEqual([
      { ...row, target: `tenant:${tenant.id}`, details: { name: 'A tenant' } },
    ]);
    expect(await auditOf(tenant.id, 'webhook.deleted')).toEqual([
      { ...row, target: `webhook:${webhook.id}`, details: { url: 'https://example.com/...' } },
    ]);
    expect(await auditOf(tenant.id, 'key.revoked')).toEqual([{ ...row, target: `key:${key.body.data.id}`, details }]);
    expect((await system.call('GET', `/v1/webhooks/${kept.id}`, { token: other.token })).status).toBe(200);
  });

  it('lets its open deliveries end CANCELLED', async () => {
    const working = await TestSystem.start({ worker: true });
    const receiver = await working.startReceiver(500);
    const tenant = await working.createTenant();
    await working.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1, 1, 1, 1, 1] } });
    const [deliveryId] = await working.publish(tenant);
    await waitFor(() => receiver.arrivals.length > 0, 'the first attempt');

    await working.call('DELETE', `/v1/tenants/${tenant.id}`, { token: adminToken });

    const read = () =>
      working.database.query<{ status: string; reason: string }>(
        'SELECT status, reason FROM hook.deliveries WHERE id = $1',
        [deliveryId],
      );
    await waitFor(async () => (await read())[0]?.status === 'CANCELLED', 'the delivery to end');
    const ended = await read();
    await working.stop();
    expect(ended).toEqual([{ status: 'CANCELLED', reason: 'WEBHOOK_DELETED' }]);
  });

  it('leaves nothing for its token to create, though it is still believed for a moment', async () => {
    const tenant = await system.createTenant();
    const create = (url: string, body: unknown) => system.call('POST', url, { token: tenant.token, body });
    await create('/v1/webhooks', { url: 'https://example.com/' });

    await asAdmin('DELETE', `/v1/tenants/${tenant.id}`);
    const answers = await Promise.all([
      create('/v1/webhooks', { url: 'https://example.com/' }),
      create('/v1/keys', { name: 'k', scopes: ['read:webhooks'] }),
    ]);
    const published = await create('/v1/events', { type: 'a', payload: 1 });

    for (const answer of answers) expectRefusal(answer, 401, 'UNAUTHORIZED');
    expect(published.body.data).toMatchObject({ webhooks_queued: 0, delivery_ids: [] });
    const left = await system.database.query(
      `SELECT id FROM hook.webhook_configs WHERE tenant_id = $1 AND deleted_at IS NULL
       UNION ALL SELECT id FROM hook.api_keys WHERE tenant_id = $1 AND revoked_at IS NULL`,
      [tenant.id],
    );
    expect(left).toEqual([]);
  });

  it('is waited for by what is being created, which is then refused', async () => {
    const tenant = await system.createTenant();
    // The first one makes the tenant's data key, and would wait for that.
    await system.createWebhook(tenant, { url: 'https://example.com/' });
    const waiting = () =>
      system.database.query(
        'SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))',
      );

    await system.database.query('BEGIN');
    await system.database.query('SELECT 1 FROM hook.tenants WHERE id = $1 FOR UPDATE', [tenant.id]);
    await system.database.query('UPDATE hook.tenants SET deleted_at = now() WHERE id = $1', [tenant.id]);
    const created = system.call('POST', '/v1/webhooks', { token: tenant.token, body: { url: 'https://example.com/' } });
    await waitFor(async () => (await waiting()).length > 0, 'the creation to wait');
    await system.database.query('COMMIT');

    expectRefusal(await created, 401, 'UNAUTHORIZED');
  });

  it('takes the tenant off every list; its id stays taken', async () => {
    const { id } = await system.createTenant();

    await asAdmin('DELETE', `/v1/tenants/${id}`);

    const listed = (await asAdmin('GET', '/v1/tenants?limit=100')).body.data.map((one: { id: string }) => one.id);
    expect(listed).not.toContain(id);
    expectRefusal(await asAdmin('POST', '/v1/tenants', { name: 'x', id }), 400, 'VALIDATION_ERROR', 'id');
  });
});

const byId: ['GET' | 'PATCH' | 'DELETE' | 'POST', string, object?][] = [
  ['GET', ''],
  ['PATCH', '', { name: 'x' }],
  ['DELETE', ''],
  ['POST', '/rotate-credentials'],
];

describe.each(byId)('%s /v1/tenants/:id%s', (method, path, body) => {
  it.each(['nobody', "' OR 1=1", 'x'.repeat(65)])('is 404 for the id %s', async (id) => {
    expectRefusal(await asAdmin(method, `/v1/tenants/${encodeURIComponent(id)}${path}`, body), 404, 'NOT_FOUND');
  });

  it('is 404 for a tenant that was deleted', async () => {
    const { id } = await system.createTenant();
    await asAdmin('DELETE', `/v1/tenants/${id}`);

    expectRefusal(await asAdmin(method, `/v1/tenants/${id}${path}`, body), 404, 'NOT_FOUND');
  });

  it('is 403 for the tenant itself and 401 for strangers, and changes nothing', async () => {
    const { id, token } = await system.createTenant();
    const before = await tenantRow(id);

    expectRefusal(await system.call(method, `/v1/tenants/${id}${path}`, { token, body }), 403, 'FORBIDDEN');
    expectRefusal(await system.call(method, `/v1/tenants/${id}${path}`, { body }), 401, 'UNAUTHORIZED');
    expect(await tenantRow(id)).toEqual(before);
  });
});
