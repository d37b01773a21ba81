import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const json = (body: unknown, headers: Record<string, string> = {}) =>
  system.call('POST', '/v1/auth', { body, headers });

const form = (fields: Record<string, string> | string, headers: Record<string, string> = {}) =>
  system.call('POST', '/v1/auth', {
    text: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});

const credentials = () => ({ client_id: tenant.clientId, client_secret: tenant.clientSecret });
const grant = { grant_type: 'client_credentials' };

function expectOAuthError(answer: ApiAnswer, status: number, error: string): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: { error, error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/) },
  });
  expect(answer.headers['cache-control']).toBe('no-store');
}

describe('POST /v1/auth: 200', () => {
  it.each([
    ['JSON', () => json({ ...grant, ...credentials() })],
    ['a form', () => form({ ...grant, ...credentials() })],
    ['HTTP Basic beside a form', () => form(grant, basic(tenant.clientId, tenant.clientSecret))],
    ['HTTP Basic beside JSON', () => json(grant, basic(tenant.clientId, tenant.clientSecret))],
    [
      'Basic with the same client_id in the form',
      () => form({ ...grant, client_id: tenant.clientId }, basic(tenant.clientId, tenant.clientSecret)),
    ],
  ])('takes the credentials by %s', async (_how, ask) => {
    const answer = await ask();

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 3600,
      scope:
        'read:webhooks write:webhooks read:events write:events read:deliveries write:deliveries read:audit read:quotas',
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['x-request-id']).toBeDefined();
  });

  it('grants the scopes that were asked for and no others', async () => {
    const { body } = await json({ ...grant, ...credentials(), scope: 'read:webhooks' });

    const read = await system.call('GET', '/v1/webhooks', { token: body.access_token });
    const write = await system.call('POST', '/v1/webhooks', { token: body.access_token, body: {} });

    expect(body.scope).toBe('read:webhooks');
    expect(read.status).toBe(200);
    expect(write.status).toBe(403);
    expect(write.body.error).toMatchObject({ code: 'FORBIDDEN', details: { required: 'write:webhooks' } });
  });

  it('takes a scope named twice, and spaces around it, once', async () => {
    const { body } = await json({ ...grant, ...credentials(), scope: ' read:events  read:events ' });

    expect(body.scope).toBe('read:events');
  });

  it('gives every token a name of its own', async () => {
    const first = await json({ ...grant, ...credentials() });
    const second = await json({ ...grant, ...credentials() });

    expect(first.body.access_token).not.toBe(second.body.access_token);
  });
});

describe('POST /v1/auth: 401 invalid_client', () => {
  it.each<[string, () => Promise<ApiAnswer>]>([
    ['a wrong secret', () => json({ ...grant, ...credentials(), client_secret: 'wrong' })],
    ['an unknown client', () => json({ ...grant, ...credentials(), client_id: 'ehc_nobody' })],
    ['a client_id with U+0000', () => json({ ...grant, ...credentials(), client_id: '\u0000' })],
    ['a client_id with U+0000 by Basic', () => json(grant, basic('a\u0000', tenant.clientSecret))],
    ['a client_id that is not ASCII', () => form({ ...grant, ...credentials(), client_id: 'é' })],
    ['no credentials', () => json(grant)],
    ['no secret', () => json({ ...grant, client_id: tenant.clientId })],
    ['Basic without a colon', () => json(grant, { authorization: `Basic ${Buffer.from('x').toString('base64')}` })],
    ['Basic that is not base64', () => json(grant, { authorization: 'Basic ???' })],
    [
      'the secret of another tenant',
      async () =>
        json({ ...grant, client_id: tenant.clientId, client_secret: (await system.createTenant()).clientSecret }),
    ],
  ])('says the same for %s', async (_what, ask) => {
    const answer = await ask();

    expectOAuthError(answer, 401, 'invalid_client');
    expect(answer.body.error_description).toBe('The client_id or client_secret is wrong.');
    expect(answer.headers['www-authenticate']).toMatch(/^Basic /);
  });

  it('refuses the credentials of a deleted tenant', async () => {
    const deleted = await system.createTenant();
    await system.database.query('UPDATE hook.tenants SET deleted_at = now() WHERE id = $1', [deleted.id]);

    const answer = await json({ ...grant, client_id: deleted.clientId, client_secret: deleted.clientSecret });

    expectOAuthError(answer, 401, 'invalid_client');
  });
});

describe('POST /v1/auth: 400', () => {
  it.each<[string, () => Promise<ApiAnswer>, string]>([
    ['another grant type', () => json({ ...credentials(), grant_type: 'password' }), 'unsupported_grant_type'],
    ['an empty grant type', () => json({ ...credentials(), grant_type: '' }), 'unsupported_grant_type'],
    ['no grant type', () => json(credentials()), 'invalid_request'],
    ['a number for the grant type', () => json({ ...credentials(), grant_type: 1 }), 'invalid_request'],
    ['an unknown field', () => json({ ...grant, ...credentials(), extra: 1 }), 'invalid_request'],
    [
      'a field of the form given twice',
      () => form('grant_type=client_credentials&client_id=a&client_id=b'),
      'invalid_request',
    ],
    [
      'secrets by Basic and in the body at once',
      () => json({ ...grant, ...credentials() }, basic(tenant.clientId, tenant.clientSecret)),
      'invalid_request',
    ],
    [
      'another client_id in the body than by Basic',
      () => json({ ...grant, client_id: 'other' }, basic(tenant.clientId, tenant.clientSecret)),
      'invalid_request',
    ],
    [
      'a client_id of 256 characters',
      () => json({ ...grant, ...credentials(), client_id: 'x'.repeat(256) }),
      'invalid_request',
    ],
    ['bad JSON', () => system.call('POST', '/v1/auth', { text: '{' }), 'invalid_request'],
    ['no body', () => system.call('POST', '/v1/auth'), 'invalid_request'],
    ['a body of another type', () => form('x', { 'content-type': 'text/plain' }), 'invalid_request'],
    ['a body above 8 KiB', () => form(`grant_type=${'x'.repeat(9000)}`), 'invalid_request'],
    ['an unknown scope', () => json({ ...grant, ...credentials(), scope: 'read:webhooks admin' }), 'invalid_scope'],
    [
      'a scope with characters that no description may hold',
      () => json({ ...grant, ...credentials(), scope: '"\\é\u0000\n' }),
      'invalid_scope',
    ],
  ])('refuses %s', async (_what, ask, error) => {
    const answer = await ask();

    expectOAuthError(answer, 400, error);
  });

  it('tells nothing of a wrong scope to those without credentials', async () => {
    const answer = await json({ ...grant, client_id: 'x', client_secret: 'x', scope: 'admin' });

    expectOAuthError(answer, 401, 'invalid_client');
  });
});

describe('an error_description', () => {
  it.each([
    ['a field that is none', { grant_type: 'client_credentials', redirect: 'x' }, 'redirect is not a field'],
    ['no grant type', {}, 'grant_type is required'],
  ])('says what is wrong with %s in words for the client', async (_what, body, words) => {
    const answer = await system.call('POST', '/v1/auth', { body });

    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(answer.body.error_description).toContain(words);
  });
});
