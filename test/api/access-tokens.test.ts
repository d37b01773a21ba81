import { SignJWT } from 'jose';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const listWebhooks = (authorization: string) => system.call('GET', '/v1/webhooks', { headers: { authorization } });

const now = () => Math.floor(Date.now() / 1000);

interface Forgery {
  readonly claims?: Record<string, unknown>;
  readonly header?: { alg?: string; typ?: string };
  readonly secret?: string;
}

/** A token as /v1/auth issues it, but for what the forgery changes; undefined leaves a claim out. */
function forge({ claims = {}, header = {}, secret = system.ctx.config.JWT_SECRET }: Forgery): Promise<string> {
  const payload = {
    iss: 'everhook',
    aud: 'everhook-api',
    sub: tenant.clientId,
    tenant_id: tenant.id,
    scope: 'read:webhooks',
    cv: 1,
    iat: now(),
    exp: now() + 3600,
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
    .sign(new TextEncoder().encode(secret));
}

describe('an access token: 200', () => {
  it('is taken as it was issued', async () => {
    expect((await listWebhooks(`Bearer ${tenant.token}`)).status).toBe(200);
  });

  it('is taken when forged with the right key and right claims, so that the forgeries below fail for one reason each', async () => {
    expect((await listWebhooks(`Bearer ${await forge({})}`)).status).toBe(200);
  });

  it('is taken with the scheme in lower case', async () => {
    expect((await listWebhooks(`bearer ${tenant.token}`)).status).toBe(200);
  });
});

describe('an access token: 401', () => {
  it.each<[string, Forgery]>([
    ['signed with another key', { secret: 'another-secret-0123456789-0123456789' }],
    ['of another algorithm', { header: { alg: 'HS512' } }],
    ['of another type', { header: { typ: 'JWT' } }],
    ['of no type', { header: { typ: undefined as unknown as string } }],
    ['of another issuer', { claims: { iss: 'someone' } }],
    ['of no issuer', { claims: { iss: undefined } }],
    ['for another audience', { claims: { aud: 'someone' } }],
    ['for no audience', { claims: { aud: undefined } }],
    ['that expired', { claims: { iat: now() - 3700, exp: now() - 100 } }],
    ['that never expires', { claims: { exp: undefined } }],
    ['older than a token may be, whatever it says of its end', { claims: { iat: now() - 7200 } }],
    ['issued in the future', { claims: { iat: now() + 600 } }],
    ['that is not valid yet', { claims: { nbf: now() + 600 } }],
    ['without a time of issue', { claims: { iat: undefined } }],
    ['without a subject', { claims: { sub: undefined } }],
    ['without a tenant', { claims: { tenant_id: undefined } }],
    ['with a number for a tenant', { claims: { tenant_id: 5 } }],
    ['of an unknown tenant', { claims: { tenant_id: 'nobody' } }],
    ['of an earlier version of the credentials', { claims: { cv: 0 } }],
    ['with its version as text', { claims: { cv: '1' } }],
    ['without scopes', { claims: { scope: undefined } }],
  ])('is refused when %s', async (_what, forgery) => {
    const answer = await listWebhooks(`Bearer ${await forge(forgery)}`);

    expectRefusal(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  const tamper = {
    'changed in its claims': ([header, payload = '', signature]: string[]) => {
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
      const changed = Buffer.from(JSON.stringify({ ...claims, tenant_id: 'other' })).toString('base64url');
      return `${header}.${changed}.${signature}`;
    },
    'without its signature': ([header, payload]: string[]) => `${header}.${payload}.`,
    'with the algorithm none': ([, payload]: string[]) =>
      `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`,
    'cut in half': ([header]: string[]) => String(header),
    'followed by more': (parts: string[]) => `${parts.join('.')}.x`,
    'of 7,000 characters': () => 'x'.repeat(7000),
  };

  it.each(Object.entries(tamper))('is refused when %s', async (_what, change) => {
    const answer = await listWebhooks(`Bearer ${change(tenant.token.split('.'))}`);

    expectRefusal(answer, 401, 'UNAUTHORIZED');
  });

  it.each(['', 'Bearer', 'Bearer  ', 'Token x', 'Basic eDp4'])('is refused when the header is "%s"', async (value) => {
    expectRefusal(await listWebhooks(value), 401, 'UNAUTHORIZED');
  });

  it('says the same whatever is wrong', async () => {
    const expired = await listWebhooks(`Bearer ${await forge({ claims: { iat: now() - 3700, exp: now() - 100 } })}`);
    const foreign = await listWebhooks(`Bearer ${await forge({ claims: { tenant_id: 'nobody' } })}`);

    expect(expired.text).toBe(foreign.text);
  });
});

describe('an access token whose tenant changed', () => {
  const refused = (token: string) => async () => (await listWebhooks(`Bearer ${token}`)).status === 401;

  it('is worth nothing soon after the credentials were rotated, and a new one is', async () => {
    const rotated = await system.createTenant();
    expect((await listWebhooks(`Bearer ${rotated.token}`)).status).toBe(200);

    await system.database.query('UPDATE hook.tenants SET credentials_version = credentials_version + 1 WHERE id = $1', [
      rotated.id,
    ]);
    await waitFor(refused(rotated.token), 'the old token to be refused', 4_000);
    const { body } = await system.call('POST', '/v1/auth', {
      body: { grant_type: 'client_credentials', client_id: rotated.clientId, client_secret: rotated.clientSecret },
    });

    expect((await listWebhooks(`Bearer ${body.access_token}`)).status).toBe(200);
  });

  it('is worth nothing soon after the tenant was deleted', async () => {
    const deleted = await system.createTenant();
    expect((await listWebhooks(`Bearer ${deleted.token}`)).status).toBe(200);

    await system.database.query('UPDATE hook.tenants SET deleted_at = now() WHERE id = $1', [deleted.id]);

    await waitFor(refused(deleted.token), 'the token to be refused', 4_000);
  });
});
