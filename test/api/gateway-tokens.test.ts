import { SignJWT, UnsecuredJWT, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { gatewayAudience, gatewayIssuer, startTokenGateway, type TokenGateway } from '../support/jwks';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let gateway: TokenGateway;
let system: TestSystem;
let tenant: TestTenant;

const startSystem = (jwksUrl: string, env: Record<string, string> = {}) =>
  TestSystem.start({
    env: { JWT_JWKS_URL: jwksUrl, JWT_ISSUER: gatewayIssuer, JWT_AUDIENCE: gatewayAudience, ...env },
  });

beforeAll(async () => {
  gateway = await startTokenGateway();
  system = await startSystem(gateway.url);
  tenant = await system.createTenant();
});

afterAll(async () => {
  await system.stop();
  await gateway.stop();
});

const use = (token: string, at = system) => at.call('GET', '/v1/webhooks', { token });
const claims = (change: JWTPayload = {}): JWTPayload => ({
  tenant_id: tenant.id,
  scope: 'openid read:webhooks write:webhooks',
  ...change,
});
const now = () => Math.floor(Date.now() / 1000);

describe("a gateway's token: 200", () => {
  it('acts for the tenant it names, under the name of its subject', async () => {
    const token = await gateway.sign(claims());

    const made = await system.call('POST', '/v1/webhooks', { token, body: { url: 'https://example.com/' } });

    expect(made.status).toBe(201);
    expect(made.body.data.tenant_id).toBe(tenant.id);
    expect(
      await system.database.query('SELECT actor FROM hook.audit_logs WHERE target = $1', [
        `webhook:${made.body.data.id}`,
      ]),
    ).toEqual([{ actor: 'gateway:customer-7' }]);
  });

  it.each<[string, JWTPayload, Partial<JWTHeaderParameters>]>([
    ['scopes as an array', { scope: ['read:webhooks'] }, {}],
    ['one audience among several', { aud: ['someone', gatewayAudience] }, {}],
    ['the type of access tokens', {}, { typ: 'at+jwt' }],
    ['the type JWT', {}, { typ: 'JWT' }],
  ])('is taken with %s', async (_what, change, header) => {
    expect((await use(await gateway.sign(claims(change), header))).status).toBe(200);
  });

  it('may make API keys within its scopes', async () => {
    const token = await gateway.sign(claims());

    const narrow = await system.call('POST', '/v1/keys', { token, body: { name: 'k', scopes: ['read:webhooks'] } });
    const wide = await system.call('POST', '/v1/keys', { token, body: { name: 'k', scopes: ['write:events'] } });

    expect([narrow.status, wide.status]).toEqual([201, 403]);
  });

  it('is taken beside our own', async () => {
    expect((await use(tenant.token)).status).toBe(200);
  });

  it('fetches the keys once for many requests', async () => {
    const before = gateway.fetches;

    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => use(await gateway.sign(claims({ jti: String(Math.random()) })))),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(gateway.fetches - before).toBeLessThanOrEqual(1);
  });

  it.each(['ES256', 'EdDSA', 'PS256'])('may be signed with %s', async (algorithm) => {
    const other = await startTokenGateway(algorithm);
    const fresh = await startSystem(other.url);
    const { id } = await fresh.createTenant();

    const answer = await use(await other.sign(claims({ tenant_id: id })), fresh);

    await fresh.stop();
    await other.stop();
    expect(answer.status).toBe(200);
  });

  it('has its tenant and scopes where the settings say', async () => {
    const fresh = await startSystem(gateway.url, {
      JWT_TENANT_CLAIM: 'https://example.com/account',
      JWT_SCOPE_CLAIM: 'permissions',
    });
    const { id } = await fresh.createTenant();

    const answer = await use(
      await gateway.sign({ 'https://example.com/account': id, permissions: ['read:webhooks'] }),
      fresh,
    );
    const elsewhere = await use(await gateway.sign({ tenant_id: id, permissions: ['read:webhooks'] }), fresh);

    await fresh.stop();
    expect([answer.status, elsewhere.status]).toEqual([200, 401]);
  });
});

describe("a gateway's token: 403", () => {
  it.each<[string, JWTPayload]>([
    ['no scope', { scope: undefined }],
    ['no scope of ours', { scope: 'openid admin' }],
    ['a scope in upper case', { scope: 'READ:WEBHOOKS' }],
    ['a scope that is a number', { scope: 5 }],
    ['a scope in a nested array', { scope: [['read:webhooks']] }],
  ])('may do nothing with %s', async (_what, change) => {
    expectRefusal(await use(await gateway.sign(claims(change))), 403, 'FORBIDDEN');
  });

  it('is not the admin', async () => {
    const token = await gateway.sign(claims({ scope: 'admin', role: 'admin' }));

    expectRefusal(await system.call('GET', '/v1/tenants', { token }), 403, 'FORBIDDEN');
  });
});

describe("a gateway's token: 401", () => {
  it.each<[string, JWTPayload, Partial<JWTHeaderParameters>?]>([
    ['another issuer', { iss: 'https://other.example' }],
    ['no issuer', { iss: undefined }],
    ['our issuer', { iss: 'everhook', aud: 'everhook-api', cv: 1 }, { typ: 'at+jwt' }],
    ['another audience', { aud: 'someone' }],
    ['the audience of our own tokens', { aud: 'everhook-api' }],
    ['no audience', { aud: undefined }],
    ['an end in the past', { iat: now() - 600, exp: now() - 60 }],
    ['no end', { exp: undefined }],
    ['no time of issue', { iat: undefined }],
    ['a time of issue to come', { iat: now() + 600 }],
    ['an age of two days', { iat: now() - 172_800 }],
    ['a beginning to come', { nbf: now() + 600 }],
    ['no subject', { sub: undefined }],
    ['a subject that no log should hold', { sub: 'a\u0000\nb' }],
    ['a subject of 256 characters', { sub: 'x'.repeat(256) }],
    ['no tenant', { tenant_id: undefined }],
    ['an unknown tenant', { tenant_id: 'nobody' }],
    ['a tenant that is no id', { tenant_id: "' OR 1=1" }],
    ['a tenant that is a number', { tenant_id: 5 }],
    ['a tenant in an array', { tenant_id: ['x'] }],
    ['an unknown kid', {}, { kid: 'key-2' }],
    ['no kid', {}, { kid: undefined as unknown as string }],
    ['a kid that is a path', {}, { kid: '../../dev/null' }],
  ])('is refused with %s', async (_what, change, header = {}) => {
    const answer = await use(await gateway.sign(claims(change), header));

    expectRefusal(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  it('is refused when a stranger signed it', async () => {
    expectRefusal(await use(await gateway.sign(claims(), {}, 'stranger')), 401, 'UNAUTHORIZED');
  });

  it('is refused when a stranger signed it and brought the key along', async () => {
    const jwk = { kty: 'RSA', n: 'x', e: 'AQAB' };

    for (const header of [{ jwk }, { jku: gateway.url }, { x5u: gateway.url }]) {
      expectRefusal(await use(await gateway.sign(claims(), header, 'stranger')), 401, 'UNAUTHORIZED');
    }
  });

  const complete = () => ({
    iss: gatewayIssuer,
    aud: gatewayAudience,
    sub: 'customer-7',
    iat: now(),
    exp: now() + 300,
    ...claims(),
  });

  it.each(['HS256', 'HS384', 'HS512'])('is refused when the public key signed it with %s', async (alg) => {
    const token = await new SignJWT(complete())
      .setProtectedHeader({ alg, kid: 'key-1', typ: 'at+jwt' })
      .sign(new TextEncoder().encode(gateway.publicPem));

    expectRefusal(await use(token), 401, 'UNAUTHORIZED');
  });

  it('is refused when our own secret signed it', async () => {
    const token = await new SignJWT({ ...complete(), cv: 1 })
      .setProtectedHeader({ alg: 'HS256', kid: 'key-1', typ: 'at+jwt' })
      .sign(new TextEncoder().encode(system.ctx.config.JWT_SECRET));

    expectRefusal(await use(token), 401, 'UNAUTHORIZED');
  });

  it('is refused when nobody signed it', async () => {
    const payload = new UnsecuredJWT(complete()).encode().split('.')[1];
    const signature = (await gateway.sign(claims({ jti: 'another' }))).split('.')[2];
    const header = (alg: string) => Buffer.from(JSON.stringify({ alg, kid: 'key-1' })).toString('base64url');

    for (const token of [
      `${header('none')}.${payload}.`,
      `${header('None')}.${payload}.`,
      `${header('none')}.${payload}.${signature}`,
      `${header('RS256')}.${payload}.`,
      `${header('RS256')}.${payload}.${signature}`,
    ]) {
      expectRefusal(await use(token), 401, 'UNAUTHORIZED');
    }
  });

  it('is refused within two seconds after its tenant was deleted', async () => {
    const { id } = await system.createTenant();
    const token = await gateway.sign(claims({ tenant_id: id }));
    expect((await use(token)).status).toBe(200);

    await system.database.query('UPDATE hook.tenants SET deleted_at = now() WHERE id = $1', [id]);

    await waitFor(async () => (await use(token)).status === 401, 'the token to be refused', 2_500);
  });

  it('is refused where no gateway is set up', async () => {
    const without = await TestSystem.start();

    const answer = await use(await gateway.sign(claims()), without);

    await without.stop();
    expectRefusal(answer, 401, 'UNAUTHORIZED');
  });
});

describe('while the keys cannot be had', () => {
  it.each<[string, TokenGateway['answer'] | 'down']>([
    ['answer 500', 500],
    ['answer 404', 404],
    ['redirect', 302],
    ['do not answer', 'hang'],
    ['are down', 'down'],
  ])("and %s, a gateway's token is 503 and our own go on", async (_what, answer) => {
    const away = await startTokenGateway();
    if (answer === 'down') await away.stop();
    else away.answer = answer;
    const fresh = await startSystem(away.url);
    const own = await fresh.createTenant();

    const theirs = await use(await away.sign(claims({ tenant_id: own.id })), fresh);
    const ours = await use(own.token, fresh);
    const ill = await use(await away.sign(claims(), { alg: 'RS256', kid: undefined as unknown as string }), fresh);

    await fresh.stop();
    if (answer !== 'down') await away.stop();
    expectRefusal(theirs, 503, 'UNAVAILABLE');
    expect(theirs.headers['retry-after']).toBeDefined();
    expect(ours.status).toBe(200);
    expectRefusal(ill, 401, 'UNAUTHORIZED');
  });

  it('the gateway is taken again once they are back', async () => {
    const away = await startTokenGateway();
    away.answer = 503;
    const fresh = await startSystem(away.url);
    const { id } = await fresh.createTenant();
    const token = await away.sign(claims({ tenant_id: id }));

    const before = await use(token, fresh);
    away.answer = 'keys';
    const after = await use(token, fresh);

    await fresh.stop();
    await away.stop();
    expect([before.status, after.status]).toEqual([503, 200]);
  });
});
