import { SignJWT, UnsecuredJWT } from 'jose';
import { createAccessTokens, tokenLifetimeSeconds, toScopes } from '../../../src/api/access-tokens';

const secret = 'a secret of at least thirty-two characters';
const claims = {
  tenantId: 'acme',
  clientId: 'client-1',
  scopes: ['read:webhooks', 'write:events'],
  credentialsVersion: 3,
} as const;

const tokens = createAccessTokens(secret);

/** A token as ours but for what the test changes. */
function forge({
  payload = {},
  header = {},
  key = secret,
}: { payload?: object; header?: object; key?: string } = {}): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return new SignJWT({
    tenant_id: 'acme',
    scope: 'read:webhooks',
    cv: 1,
    sub: 'client-1',
    iss: 'everhook',
    aud: 'everhook-api',
    iat: nowSeconds,
    exp: nowSeconds + 60,
    ...payload,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
    .sign(new TextEncoder().encode(key));
}

afterEach(() => jest.useRealTimers());

describe('an access token', () => {
  it('says after verification what it was issued for', async () => {
    expect(await tokens.verify(await tokens.issue(claims))).toEqual(claims);
  });

  it('is worth nothing after its lifetime', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'], now: Date.now() });
    const token = await tokens.issue(claims);

    jest.setSystemTime(Date.now() + (tokenLifetimeSeconds - 1) * 1000);
    const before = await tokens.verify(token);
    jest.setSystemTime(Date.now() + 10_000);
    const after = await tokens.verify(token);

    expect(before).toEqual(claims);
    expect(after).toBeUndefined();
  });

  it('may be made by hand exactly as we make it', async () => {
    expect(await tokens.verify(await forge())).toMatchObject({ tenantId: 'acme', credentialsVersion: 1 });
  });

  it.each([
    ['signed with another key', { key: 'another secret of at least thirty-two characters' }],
    ['signed with another algorithm', { header: { alg: 'HS512' } }],
    ['of another type', { header: { typ: 'JWT' } }],
    ['of no type', { header: { typ: undefined } }],
    ['of another issuer', { payload: { iss: 'gateway' } }],
    ['for another audience', { payload: { aud: 'another-api' } }],
    ['that is expired', { payload: { exp: 1 } }],
    ['without an expiry', { payload: { exp: undefined } }],
    ['without a time of issue', { payload: { iat: undefined } }],
    ['that claims a longer life', { payload: { iat: 1, exp: 4_000_000_000 } }],
    ['without a subject', { payload: { sub: undefined } }],
    ['without a tenant', { payload: { tenant_id: undefined } }],
    ['whose tenant is no text', { payload: { tenant_id: 7 } }],
    ['without scopes', { payload: { scope: undefined } }],
    ['without a version of the credentials', { payload: { cv: undefined } }],
    ['whose version of the credentials is text', { payload: { cv: '1' } }],
  ])('%s is refused', async (_what, change) => {
    expect(await tokens.verify(await forge(change))).toBeUndefined();
  });

  it('without a signature is refused', async () => {
    const token = new UnsecuredJWT({ tenant_id: 'acme', scope: '', cv: 1 })
      .setIssuer('everhook')
      .setAudience('everhook-api')
      .setSubject('client-1')
      .setIssuedAt()
      .setExpirationTime('1m')
      .encode();

    expect(await tokens.verify(token)).toBeUndefined();
  });

  it.each(['', '.', '..', 'a.b.c', 'ehk_123', 'x'.repeat(10_000)])('is not %j', async (token) => {
    expect(await tokens.verify(token)).toBeUndefined();
  });
});

describe('an OAuth scope', () => {
  it.each([
    ['', []],
    ['read:webhooks', ['read:webhooks']],
    ['write:events read:webhooks', ['read:webhooks', 'write:events']],
    ['read:webhooks read:webhooks', ['read:webhooks']],
    ['read:everything write:events', ['write:events']],
    ['READ:WEBHOOKS', []],
  ])('%j grants %j', (scope, known) => {
    expect(toScopes(scope)).toEqual(known);
  });
});
