import { newApiKey } from '../../src/api/api-key';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

afterEach(() => jest.restoreAllMocks());

const create = async (settings: object = {}): Promise<ApiAnswer['body']> =>
  (
    await system.call('POST', '/v1/keys', {
      token: tenant.token,
      body: { name: 'A key', scopes: ['read:webhooks'], ...settings },
    })
  ).body.data;

const use = (key: string, headers: Record<string, string> = {}) =>
  system.call('GET', '/v1/webhooks', { headers: { 'x-api-key': key, ...headers } });

const lastAccess = async (id: string): Promise<string | null> =>
  (await system.call('GET', `/v1/keys/${id}`, { token: tenant.token })).body.data.last_accessed_at;

describe('an API key: 200', () => {
  it('acts for its tenant within its scopes, under its own name', async () => {
    const { id, key } = await create({ scopes: ['write:webhooks'] });

    const made = await system.call('POST', '/v1/webhooks', {
      headers: { 'x-api-key': key },
      body: { url: 'https://example.com/' },
    });

    expect(made.status).toBe(201);
    expect(made.body.data.tenant_id).toBe(tenant.id);
    expect(
      await system.database.query('SELECT actor FROM hook.audit_logs WHERE target = $1', [
        `webhook:${made.body.data.id}`,
      ]),
    ).toEqual([{ actor: `key:${id}` }]);
  });

  it('works the moment it is created, although it was refused before', async () => {
    const fresh = newApiKey();
    expect((await use(fresh.key)).status).toBe(401);

    const settings = { name: 'k', description: null, scopes: ['read:webhooks'], expiresAt: null };
    await system.ctx.apiKeys.create(
      tenant.id,
      { ...settings, id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', prefix: fresh.prefix, keyHash: fresh.keyHash },
      { name: 'test' },
    );

    expect((await use(fresh.key)).status).toBe(200);
  });
});

describe('an API key: 403', () => {
  it('is refused what its scopes do not name', async () => {
    const { key } = await create();

    const answer = await system.call('GET', '/v1/deliveries', { headers: { 'x-api-key': key } });

    expectRefusal(answer, 403, 'FORBIDDEN');
    expect(answer.body.error.details.required).toBe('read:deliveries');
  });

  it('is refused what only the admin may do', async () => {
    const { key } = await create();

    const answer = await system.call('GET', '/v1/tenants', { headers: { 'x-api-key': key } });

    expectRefusal(answer, 403, 'FORBIDDEN');
  });

  it('has the scopes that it was changed to, within two seconds', async () => {
    const { id, key } = await create();
    expect((await use(key)).status).toBe(200);

    await system.call('PATCH', `/v1/keys/${id}`, { token: tenant.token, body: { scopes: ['read:events'] } });

    await waitFor(async () => (await use(key)).status === 403, 'the old scope to be refused', 2_500);
  });
});

describe('an API key: 401', () => {
  it.each<[string, (key: string) => string]>([
    ['nothing', () => ''],
    ['another prefix', (key) => key.replace('ehk_', 'ehx_')],
    ['a character changed', (key) => `${key.slice(0, 20)}${key[20] === 'a' ? 'b' : 'a'}${key.slice(21)}`],
    ['a wrong checksum', (key) => `${key.slice(0, -6)}zzzzzz`],
    ['a character more', (key) => `${key}0`],
    ['a character less', (key) => key.slice(0, -1)],
    ['7,000 characters', () => `ehk_${'a'.repeat(7000)}`],
    ['its masked form', (key) => `${key.slice(0, 10)}...`],
    ['two keys', (key) => `${key}, ${key}`],
  ])('is refused with %s, and the database is not asked', async (_what, change) => {
    const { key } = await create();
    const find = jest.spyOn(system.ctx.apiKeys, 'findByHash');

    const answer = await use(change(key));

    expectRefusal(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).toBeDefined();
    expect(find).not.toHaveBeenCalled();
  });

  it('is refused when its checksum is right and nobody made it', async () => {
    expectRefusal(await use(newApiKey().key), 401, 'UNAUTHORIZED');
  });

  it('is refused as a bearer token', async () => {
    const { key } = await create();

    expectRefusal(await system.call('GET', '/v1/webhooks', { token: key }), 401, 'UNAUTHORIZED');
  });

  it('is refused as soon as it has expired', async () => {
    const { key } = await create({ expires_at: new Date(Date.now() + 700).toISOString() });
    expect((await use(key)).status).toBe(200);

    await waitFor(async () => (await use(key)).status === 401, 'the key to expire', 2_500);
  });

  it('is refused within two seconds after it was revoked', async () => {
    const { id, key } = await create();
    expect((await use(key)).status).toBe(200);

    await system.call('DELETE', `/v1/keys/${id}`, { token: tenant.token });

    await waitFor(async () => (await use(key)).status === 401, 'the key to be refused', 2_500);
  });
});

describe('an API key beside other credentials', () => {
  it.each(['Bearer x', 'Basic eDp4', ''])('is 400 beside "Authorization: %s"', async (authorization) => {
    const { key } = await create();

    const answer = await use(key, { authorization });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'x-api-key');
    expect(answer.body.error.message).toContain('Authorization');
  });

  it('stays with its own tenant whatever x-tenant-id names', async () => {
    const other = await system.createTenant();
    await system.createWebhook(other, { url: 'https://example.com/', description: 'other-4711' });
    const { key } = await create();

    const answer = await use(key, { 'x-tenant-id': other.id });

    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('4711');
  });
});

describe('last_accessed_at', () => {
  it('is noted after the first use, and not again within a minute', async () => {
    const { id, key } = await create();
    expect(await lastAccess(id)).toBeNull();

    await use(key);
    const first = await waitFor(async () => (await lastAccess(id)) ?? undefined, 'the use to be noted');
    await use(key);
    await system.ctx.apiKeys.touch(id);

    expect(Math.abs(Date.parse(first) - Date.now())).toBeLessThan(10_000);
    expect(await lastAccess(id)).toBe(first);
  });

  it('is noted again after a minute', async () => {
    const { id } = await create();
    await system.database.query(
      "UPDATE hook.api_keys SET last_accessed_at = now() - interval '61 seconds' WHERE id = $1",
      [id],
    );
    const before = await lastAccess(id);

    await system.ctx.apiKeys.touch(id);

    expect(await lastAccess(id)).not.toBe(before);
  });

  it('is asked for once a minute and process', async () => {
    const { key } = await create();
    const touch = jest.spyOn(system.ctx.apiKeys, 'touch');

    for (let n = 0; n < 5; n++) await use(key);

    expect(touch).toHaveBeenCalledTimes(1);
  });

  it('fails no request when it cannot be written, and holds none up', async () => {
    const { key } = await create();
    jest.spyOn(system.ctx.apiKeys, 'touch').mockRejectedValueOnce(new Error('disk full'));
    expect((await use(key)).status).toBe(200);

    const { key: slow } = await create();
    jest.spyOn(system.ctx.apiKeys, 'touch').mockReturnValueOnce(new Promise(() => {}));
    expect((await use(slow)).status).toBe(200);
  });

  it('leaves updated_at alone', async () => {
    const { id, updated_at } = await create();

    await system.ctx.apiKeys.touch(id);

    const { body } = await system.call('GET', `/v1/keys/${id}`, { token: tenant.token });
    expect(body.data.updated_at).toBe(updated_at);
  });
});
