import { createHash } from 'node:crypto';
import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

const call = (method: Method, path: string, body?: unknown, token = tenant.token) =>
  system.call(method, `/v1/keys${path}`, { token, ...(body !== undefined && { body }) });

const create = async (settings: object = {}): Promise<ApiAnswer['body']> =>
  (await call('POST', '', { name: 'A key', scopes: ['read:webhooks'], ...settings })).body.data;

const tokenWith = async (scope: string): Promise<string> => {
  const { body } = await system.call('POST', '/v1/auth', {
    body: {
      grant_type: 'client_credentials',
      client_id: tenant.clientId,
      client_secret: tenant.clientSecret,
      scope,
    },
  });
  return body.access_token;
};

const auditOf = (id: string) =>
  system.database.query(
    'SELECT action, actor, details, request_id FROM hook.audit_logs WHERE target = $1 ORDER BY id',
    [`key:${id}`],
  );

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

describe('POST /v1/keys: 201', () => {
  it('answers the key with the whole of it', async () => {
    const expiresAt = inAnHour();

    const answer = await call('POST', '', {
      name: 'CI',
      description: 'Builds',
      scopes: ['write:events', 'read:webhooks', 'write:events'],
      expires_at: expiresAt,
    });

    expectData(answer, 201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body.data).toEqual({
      id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      name: 'CI',
      description: 'Builds',
      key: expect.stringMatching(/^ehk_[0-9A-Za-z]{40}$/),
      scopes: ['read:webhooks', 'write:events'],
      expires_at: expiresAt,
      last_accessed_at: null,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
  });

  it('keeps the hash of the key and how it begins, and nothing else of it', async () => {
    const { id, key } = await create();

    const [row] = await system.database.query<{ key_hash: Buffer; prefix: string; whole: string }>(
      'SELECT key_hash, prefix, k::text AS whole FROM hook.api_keys k WHERE id = $1',
      [id],
    );
    expect(row?.key_hash).toEqual(createHash('sha256').update(key).digest());
    expect(row?.prefix).toBe(key.slice(0, 10));
    expect(row?.whole).not.toContain(key.slice(0, 12));
  });

  it('leaves an audit row that names the caller and the request, without the key', async () => {
    const answer = await call('POST', '', { name: 'A key', scopes: ['read:webhooks'] });

    const { id, key } = answer.body.data;
    expect(await auditOf(id)).toEqual([
      {
        action: 'key.created',
        actor: `client:${tenant.clientId}`,
        details: { name: 'A key', prefix: key.slice(0, 10), scopes: ['read:webhooks'], expires_at: null },
        request_id: answer.headers['x-request-id'],
      },
    ]);
  });

  it('lets the admin make one for the tenant that x-tenant-id names', async () => {
    const answer = await system.call('POST', '/v1/keys', {
      token: adminToken,
      headers: { 'x-tenant-id': tenant.id },
      body: { name: 'by admin', scopes: ['write:events'] },
    });

    expectData(answer, 201);
    expect((await call('GET', `/${answer.body.data.id}`)).body.data.name).toBe('by admin');
  });
});

describe('POST /v1/keys: 400', () => {
  it.each<[string, object, string]>([
    ['no name', { name: undefined }, 'name'],
    ['an empty name', { name: '' }, 'name'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, 'name'],
    ['a name with U+0000', { name: '\u0000' }, 'name'],
    ['a description of 256 characters', { description: 'x'.repeat(256) }, 'description'],
    ['no scopes', { scopes: undefined }, 'scopes'],
    ['an empty list of scopes', { scopes: [] }, 'scopes'],
    ['an unknown scope', { scopes: ['admin'] }, 'scopes.0'],
    ['scopes as text', { scopes: 'read:webhooks' }, 'scopes'],
    ['an expiry in the past', { expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ['an expiry beyond all dates', { expires_at: '99999-01-01T00:00:00Z' }, 'expires_at'],
    ['an expiry that is a number', { expires_at: 5 }, 'expires_at'],
    ['a key of the own choice', { key: 'ehk_mine' }, 'key'],
  ])('refuses %s and stores nothing', async (_what, change, field) => {
    const count = () => system.database.query('SELECT count(*) FROM hook.api_keys');
    const before = await count();

    const answer = await call('POST', '', { name: 'A key', scopes: ['read:webhooks'], ...change });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', field);
    expect(await count()).toEqual(before);
  });
});

describe('/v1/keys: 401 and 403', () => {
  it('is closed to strangers', async () => {
    expectRefusal(await system.call('GET', '/v1/keys'), 401, 'UNAUTHORIZED');
  });

  it.each<{ method: Method; path: string; body?: object }>([
    { method: 'GET', path: '' },
    { method: 'POST', path: '', body: { name: 'another', scopes: ['read:webhooks'] } },
    { method: 'GET', path: '/own' },
    { method: 'PATCH', path: '/own', body: { name: 'x' } },
    { method: 'DELETE', path: '/own' },
  ])('$method $path is closed to API keys', async ({ method, path, body }) => {
    const { id, key } = await create({ scopes: ['read:webhooks', 'write:webhooks'] });

    const answer = await system.call(method, `/v1/keys${path.replace('own', id)}`, {
      headers: { 'x-api-key': key },
      body,
    });

    expectRefusal(answer, 403, 'FORBIDDEN');
    expect((await call('GET', `/${id}`)).status).toBe(200);
  });

  it('gives a key no scope that its maker lacks', async () => {
    const { id } = await create();
    const narrow = await tokenWith('read:webhooks');

    const made = await call('POST', '', { name: 'wide', scopes: ['read:webhooks', 'write:events'] }, narrow);
    const changed = await call('PATCH', `/${id}`, { scopes: ['write:events'] }, narrow);

    for (const answer of [made, changed]) {
      expectRefusal(answer, 403, 'FORBIDDEN', 'scopes');
      expect(answer.body.error.details).toEqual({ required: 'write:events', granted: ['read:webhooks'] });
    }
    expect((await call('POST', '', { name: 'narrow', scopes: ['read:webhooks'] }, narrow)).status).toBe(201);
  });
});

describe('a token with fewer scopes than a key', () => {
  it('gives it no longer life, unless the key is narrowed as well', async () => {
    const { id } = await create({ scopes: ['read:webhooks', 'write:events'], expires_at: inAnHour() });
    const narrow = await tokenWith('read:webhooks');

    const refused = await call('PATCH', `/${id}`, { expires_at: null }, narrow);
    const narrowed = await call('PATCH', `/${id}`, { expires_at: null, scopes: ['read:webhooks'] }, narrow);

    expectRefusal(refused, 403, 'FORBIDDEN', 'scopes');
    expect(narrowed.body.data).toMatchObject({ expires_at: null, scopes: ['read:webhooks'] });
  });

  it('may rename and revoke it', async () => {
    const { id } = await create({ scopes: ['write:events'] });
    const narrow = await tokenWith('read:webhooks');

    expect((await call('PATCH', `/${id}`, { name: 'New' }, narrow)).status).toBe(200);
    expect((await call('DELETE', `/${id}`, undefined, narrow)).status).toBe(204);
  });
});

describe('GET /v1/keys', () => {
  it('lists the keys newest first, in pages, masked', async () => {
    const own = await system.createTenant();
    const made: ApiAnswer['body'][] = [];
    for (const name of ['a', 'b', 'c']) {
      made.unshift((await call('POST', '', { name, scopes: ['read:events'] }, own.token)).body.data);
    }

    const all = await call('GET', '', undefined, own.token);
    const last = await call('GET', '?limit=2&page=2', undefined, own.token);

    expect(all.body.data).toEqual(made.map((one) => ({ ...one, key: `${one.key.slice(0, 10)}...` })));
    expect(all.body.pagination).toEqual({ limit: 20, offset: 0, total: 3 });
    expect(last.body).toMatchObject({ data: [{ name: 'a' }], pagination: { limit: 2, offset: 2, total: 3 } });
  });
});

describe('PATCH /v1/keys/:id', () => {
  it('changes what the body names and tells the audit log what was there before', async () => {
    const { id, key } = await create({ description: 'old' });

    const answer = await call('PATCH', `/${id}`, { name: 'New', description: null, scopes: ['write:events'] });

    expectData(answer, 200);
    expect(answer.body.data).toMatchObject({
      name: 'New',
      description: null,
      scopes: ['write:events'],
      key: `${key.slice(0, 10)}...`,
    });
    expect((await auditOf(id))[1]).toMatchObject({
      action: 'key.updated',
      details: {
        before: { name: 'A key', description: 'old', scopes: ['read:webhooks'] },
        after: { name: 'New', description: null, scopes: ['write:events'] },
      },
    });
  });

  it('sets an end and takes it away again', async () => {
    const { id } = await create();
    const expiresAt = inAnHour();

    const set = await call('PATCH', `/${id}`, { expires_at: expiresAt });
    const cleared = await call('PATCH', `/${id}`, { expires_at: null });

    expect([set.body.data.expires_at, cleared.body.data.expires_at]).toEqual([expiresAt, null]);
  });

  it('writes nothing when the body names nothing', async () => {
    const { id, updated_at } = await create();

    expect((await call('PATCH', `/${id}`, {})).body.data.updated_at).toBe(updated_at);
    expect(await auditOf(id)).toHaveLength(1);
  });

  it.each([
    [{ name: null }, 'name'],
    [{ scopes: [] }, 'scopes'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ last_accessed_at: null }, 'last_accessed_at'],
  ])('refuses %j', async (body, field) => {
    const { id } = await create();

    expectRefusal(await call('PATCH', `/${id}`, body), 400, 'VALIDATION_ERROR', field);
  });
});

describe('DELETE /v1/keys/:id', () => {
  it('revokes the key: gone for the API, kept for the audit log', async () => {
    const { id } = await create();

    const answer = await call('DELETE', `/${id}`);

    expect([answer.status, answer.text]).toEqual([204, '']);
    for (const again of [
      await call('GET', `/${id}`),
      await call('PATCH', `/${id}`, { name: 'x' }),
      await call('DELETE', `/${id}`),
    ]) {
      expectRefusal(again, 404, 'NOT_FOUND');
    }
    expect((await auditOf(id)).at(-1)).toMatchObject({
      action: 'key.revoked',
      request_id: answer.headers['x-request-id'],
    });
    expect((await call('GET', '?limit=100')).body.data.map((one: { id: string }) => one.id)).not.toContain(id);
  });
});
