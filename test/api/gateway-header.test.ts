import { adminToken, TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let system: TestSystem;
let account: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start({
    env: { TRUST_GATEWAY_HEADERS: 'true', TRUSTED_PROXY_CIDRS: '10.0.0.0/8,fd00::/8' },
  });
  account = await system.createTenant();
  other = await system.createTenant();
  for (const tenant of [account, other]) {
    await system.createWebhook(tenant, { url: 'https://example.com/', description: `of ${tenant.id}` });
  }
});

afterAll(() => system.stop());

const gateway = '10.1.2.3';

const list = (headers: Record<string, string>, from = gateway) => system.call('GET', '/v1/webhooks', { headers, from });

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('X-Account-Id of a trusted gateway', () => {
  it.each([gateway, '::ffff:10.1.2.3', 'fd00::1'])('names the tenant when it comes from %s', async (from) => {
    const answer = await list({ 'x-account-id': account.id }, from);

    expect(answer.status).toBe(200);
    expect(answer.body.data).toMatchObject([{ tenant_id: account.id }]);
  });

  it('may do what an access token may, under the name of the gateway', async () => {
    const headers = { 'x-account-id': account.id };

    const key = await system.call('POST', '/v1/keys', {
      headers,
      from: gateway,
      body: { name: 'k', scopes: ['write:events'] },
    });

    expect(key.status).toBe(201);
    expect(
      await system.database.query('SELECT tenant_id, actor FROM hook.audit_logs WHERE target = $1', [
        `key:${key.body.data.id}`,
      ]),
    ).toEqual([{ tenant_id: account.id, actor: 'gateway' }]);
  });

  it.each([
    ['a token of another tenant', () => bearer(other.token)],
    ['a token that is worth nothing', () => bearer('x.y.z')],
    ['Basic credentials', () => ({ authorization: 'Basic eDp4' })],
    ['x-tenant-id', () => ({ 'x-tenant-id': other.id })],
  ])('wins over %s', async (_what, headers) => {
    const answer = await list({ 'x-account-id': account.id, ...headers() });

    expect(answer.body.data).toMatchObject([{ tenant_id: account.id }]);
  });

  it('wins over an API key, but with Authorization beside the key the request is refused', async () => {
    const { body } = await system.call('POST', '/v1/keys', {
      token: other.token,
      body: { name: 'k', scopes: ['read:webhooks'] },
    });
    const headers = { 'x-account-id': account.id, 'x-api-key': body.data.key };

    expect((await list(headers)).body.data).toMatchObject([{ tenant_id: account.id }]);
    expectRefusal(await list({ ...headers, ...bearer(other.token) }), 400, 'VALIDATION_ERROR', 'x-api-key');
  });

  it('does not win over the admin', async () => {
    const headers = { 'x-account-id': account.id, ...bearer(adminToken) };

    const named = await list({ ...headers, 'x-tenant-id': other.id });
    const tenants = await system.call('GET', '/v1/tenants', { headers, from: gateway });

    expect(named.body.data).toMatchObject([{ tenant_id: other.id }]);
    expect(tenants.status).toBe(200);
  });

  it('does not make an admin', async () => {
    const answer = await system.call('GET', '/v1/tenants', { headers: { 'x-account-id': account.id }, from: gateway });

    expectRefusal(answer, 403, 'FORBIDDEN');
  });

  it.each(['nobody', '', "' OR 1=1", 'x'.repeat(65), 'a, b'])('is 401 when it says "%s"', async (named) => {
    const answer = await list({ 'x-account-id': named, ...bearer(account.token) });

    expectRefusal(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).toBeDefined();
  });

  it('is 401 within two seconds after the tenant was deleted', async () => {
    const { id } = await system.createTenant();
    expect((await list({ 'x-account-id': id })).status).toBe(200);

    await system.call('DELETE', `/v1/tenants/${id}`, { token: adminToken });

    await waitFor(async () => (await list({ 'x-account-id': id })).status === 401, 'the tenant to be refused', 2_500);
  });
});

describe('X-Account-Id of anybody else', () => {
  it.each([
    ['192.0.2.1', {}],
    ['11.0.0.1', {}],
    ['192.0.2.1', { 'x-forwarded-for': gateway }],
    ['192.0.2.1', { 'x-real-ip': gateway }],
  ])('is dropped when it comes from %s with %j', async (from, headers) => {
    const alone = await list({ 'x-account-id': account.id, ...headers }, from);
    const beside = await list({ 'x-account-id': account.id, ...headers, ...bearer(other.token) }, from);

    expectRefusal(alone, 401, 'UNAUTHORIZED');
    expect(beside.body.data).toMatchObject([{ tenant_id: other.id }]);
  });

  it('is dropped from whomever as long as gateways are not trusted', async () => {
    const strict = await TestSystem.start({ env: { TRUSTED_PROXY_CIDRS: '10.0.0.0/8' } });
    const { id } = await strict.createTenant();

    const answer = await strict.call('GET', '/v1/webhooks', { headers: { 'x-account-id': id }, from: gateway });

    await strict.stop();
    expectRefusal(answer, 401, 'UNAUTHORIZED');
  });
});
