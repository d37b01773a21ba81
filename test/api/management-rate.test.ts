import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeEach(async () => {
  system = await TestSystem.start({ env: { MANAGEMENT_RATE_PER_MINUTE: '5' } });
  tenant = await system.createTenant();
});

afterEach(() => system.stop());

const list = (token = tenant.token, headers = {}): Promise<ApiAnswer> =>
  system.call('GET', '/v1/webhooks', { token, headers });

async function use(times: number, call: () => Promise<ApiAnswer> = list): Promise<void> {
  for (let n = 0; n < times; n++) expect((await call()).status).toBe(200);
}

describe('management requests beyond the limit of a minute', () => {
  it('are 429 with what the limit is and when to try again, on every route but publishing', async () => {
    await use(5);

    const answers = [
      await list(),
      await system.call('GET', '/webhooks', { token: tenant.token }),
      await system.call('POST', '/v1/webhooks', { token: tenant.token, text: 'not read' }),
      await system.call('GET', `/v1/quotas/${tenant.id}`, { token: tenant.token }),
    ];

    for (const answer of answers) {
      expectRefusal(answer, 429, 'RATE_LIMITED');
      const { details } = answer.body.error;
      expect(details).toEqual({ limit: 5, remaining: 0, reset: expect.any(Number) });
      expect(details.reset).toBeGreaterThan(0);
      expect(details.reset).toBeLessThanOrEqual(60);
      expect(answer.headers['retry-after']).toBe(String(details.reset));
    }
    const { refused } = system.ctx.telemetry.metrics;
    expect((await refused.get()).values).toEqual([{ labels: { limit: 'management_per_minute' }, value: 4 }]);
  });

  it('do not keep the tenant from publishing, and publishing does not count among them', async () => {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    await use(3);
    const event = { type: 'a', payload: 1 };
    const publishing = async () => [
      await system.call('POST', '/v1/events', { token: tenant.token, body: event }),
      await system.call('POST', '/v1/events/batch', { token: tenant.token, body: { events: [event] } }),
      await system.call('POST', `/v1/webhooks/${id}/test`, { token: tenant.token }),
    ];

    const before = await publishing();
    await use(1);
    expectRefusal(await list(), 429, 'RATE_LIMITED');
    const after = await publishing();

    expect([...before, ...after].map(({ status }) => status)).toEqual(Array(6).fill(202));
  });

  it('are those of one tenant; another and the admin go on', async () => {
    const other = await system.createTenant();
    await use(5);

    expectRefusal(await list(), 429, 'RATE_LIMITED');
    // In the name of the tenant the admin counts as the tenant.
    expectRefusal(await list(adminToken, { 'x-tenant-id': tenant.id }), 429, 'RATE_LIMITED');
    expect((await list(other.token)).status).toBe(200);
    expect((await system.call('GET', '/v1/tenants', { token: adminToken })).status).toBe(200);
  });

  it('are those of the admin without a tenant as well', async () => {
    const tenants = () => system.call('GET', '/v1/tenants', { token: adminToken });
    // The tenant of this test was the first.
    await use(4, tenants);

    expectRefusal(await tenants(), 429, 'RATE_LIMITED');
  });

  it('do not count what needs no credentials or has wrong ones', async () => {
    for (let n = 0; n < 10; n++) {
      await system.call('GET', '/health');
      await system.call('GET', '/openapi.json');
      await system.call('POST', '/v1/auth', { body: { grant_type: 'password' } });
      await list('wrong');
    }

    await use(5);
  });
});

describe('every route that may be refused so', () => {
  it('says so in the document, and public ones do not', async () => {
    const { body } = await system.call('GET', '/openapi.json');

    const paths = Object.entries(body.paths as Record<string, Record<string, { responses: object }>>);
    const silent = paths.flatMap(([path, methods]) =>
      Object.values(methods).some(({ responses }) => !('429' in responses)) ? [path] : [],
    );
    expect(silent.sort()).toEqual(['/health', '/ready']);
  });
});
