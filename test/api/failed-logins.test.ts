import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;

beforeEach(async () => {
  system = await TestSystem.start({ env: { TRUSTED_PROXY_CIDRS: '10.0.0.0/8' } });
  tenant = await system.createTenant();
});

afterEach(() => system.stop());

interface Login {
  readonly clientId?: string;
  readonly secret?: string;
  readonly from?: string;
  readonly headers?: Record<string, string>;
}

const logIn = ({ clientId = tenant.clientId, secret = 'wrong', ...options }: Login = {}) =>
  system.call('POST', '/v1/auth', {
    ...options,
    body: { grant_type: 'client_credentials', client_id: clientId, client_secret: secret },
  });

const right = (login: Login = {}) => logIn({ secret: tenant.clientSecret, ...login });

async function fail(times: number, login: (n: number) => Login = () => ({})): Promise<void> {
  for (let n = 0; n < times; n++) expect((await logIn(login(n))).status).toBe(401);
}

function expectLimited(answer: ApiAnswer): void {
  expect(answer.status).toBe(429);
  const { details } = answer.body;
  expect(answer.body).toEqual({
    error: 'temporarily_unavailable',
    error_description: expect.any(String),
    details: { limit: 20, remaining: 0, reset: expect.any(Number) },
  });
  expect(details.reset).toBeGreaterThan(0);
  expect(details.reset).toBeLessThanOrEqual(60);
  expect(answer.headers['retry-after']).toBe(String(details.reset));
  expect(answer.headers['cache-control']).toBe('no-store');
}

describe('POST /v1/auth: 429', () => {
  it('after 20 failures of one client id, from wherever, also with the right secret', async () => {
    await fail(20, (n) => ({ from: `192.0.2.${n}` }));

    expectLimited(await logIn({ from: '192.0.2.100' }));
    expectLimited(await right({ from: '192.0.2.101' }));
    const other = await system.createTenant();
    expect((await right({ clientId: other.clientId, secret: other.clientSecret })).status).toBe(200);
  });

  it('after 20 failures from one address, under whatever name', async () => {
    await fail(20, (n) => ({ clientId: `ehc_${n}`, from: '192.0.2.1' }));

    expectLimited(await logIn({ clientId: 'ehc_another', from: '192.0.2.1' }));
    expectLimited(await logIn({ clientId: 'ehc_another', from: '::ffff:192.0.2.1' }));
    expect((await right({ from: '192.0.2.2' })).status).toBe(200);
  });

  it('after 20 failures from one IPv6 network, which one caller may hold all of', async () => {
    await fail(20, (n) => ({ clientId: `ehc_${n}`, from: `2001:db8:1:2::${n}` }));

    expectLimited(await logIn({ clientId: 'ehc_another', from: '2001:db8:1:2:ffff::1' }));
    expect((await logIn({ clientId: 'ehc_another', from: '2001:db8:1:3::1' })).status).toBe(401);
  });

  it('for all but 20 of many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => logIn()));

    expect(answers.filter(({ status }) => status === 401)).toHaveLength(20);
    answers.filter(({ status }) => status !== 401).forEach(expectLimited);
  });
});

describe('failed logins do not count', () => {
  it('successes, however many', async () => {
    for (let n = 0; n < 30; n++) expect((await right()).status).toBe(200);
  });

  it('requests that are refused for another reason', async () => {
    for (let n = 0; n < 25; n++) {
      const answer = await system.call('POST', '/v1/auth', { body: { grant_type: 'password' } });
      expect(answer.status).toBe(400);
    }

    expect((await right()).status).toBe(200);
  });

  it('as those of a trusted proxy, but as those of the address it forwards', async () => {
    const through = (address: string, login: Login = {}): Login => ({
      ...login,
      from: '10.1.1.1',
      headers: { 'x-forwarded-for': `203.0.113.9, ${address}` },
    });
    await fail(20, (n) => through('192.0.2.1', { clientId: `ehc_${n}` }));

    expectLimited(await logIn(through('192.0.2.1', { clientId: 'ehc_another' })));
    expect((await right(through('192.0.2.2'))).status).toBe(200);
  });

  it('under an address that a stranger claims to forward', async () => {
    await fail(20, (n) => ({
      clientId: `ehc_${n}`,
      from: '192.0.2.1',
      headers: { 'x-forwarded-for': `203.0.113.${n}` },
    }));

    expectLimited(
      await logIn({ clientId: 'ehc_another', from: '192.0.2.1', headers: { 'x-forwarded-for': '8.8.8.8' } }),
    );
  });
});
