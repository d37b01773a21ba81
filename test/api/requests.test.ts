import { TestSystem, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;

describe('x-request-id', () => {
  const idOf = async (given: string, url = '/v1/webhooks') =>
    (await system.call('GET', url, { token: tenant.token, headers: { 'x-request-id': given } })).headers[
      'x-request-id'
    ];

  it.each(['a', 'req-1', '0af7651916cd43dd8448eb211c80319c', 'A.b_c:d-e', 'x'.repeat(128)])(
    "is the caller's when it is sane: %.40s",
    async (given) => {
      expect(await idOf(given)).toBe(given);
    },
  );

  it.each([
    ['empty', ''],
    ['too long', 'x'.repeat(129)],
    ['with a space', 'a b'],
    ['with a line break in disguise', 'a%0d%0ab'],
    ['with quotes', '"a"'],
    ['outside of ASCII', 'é'],
    ['with markup', '<script>'],
    ['given twice', 'a, b'],
  ])('is a new one when it is %s', async (_what, given) => {
    expect(await idOf(given)).toMatch(ulid);
  });

  it.each([
    ['200', '/v1/webhooks'],
    ['400', '/v1/webhooks?limit=0'],
    ['404', '/v1/deliveries/abc'],
    ['404 without a route', '/nowhere'],
    ['400 for a path that is badly encoded', '/v1/webhooks/%zz'],
    ['404 for an endless id', `/v1/webhooks/${'x'.repeat(600)}`],
    ['200 of a probe', '/health'],
  ])('is on every answer: %s', async (_what, url) => {
    expect(await idOf('mine', url)).toBe('mine');
  });

  it('differs for each request without one', async () => {
    const answers = await Promise.all([system.call('GET', '/health'), system.call('GET', '/health')]);
    const ids = answers.map(({ headers }) => headers['x-request-id']);

    expect(ids[0]).toMatch(ulid);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('stands in the audit row of the change', async () => {
    const { body } = await system.call('POST', '/v1/webhooks', {
      token: tenant.token,
      body: { url: 'https://example.com/' },
      headers: { 'x-request-id': 'the-change' },
    });

    const rows = await system.database.query('SELECT request_id FROM hook.audit_logs WHERE target = $1', [
      `webhook:${body.data.id}`,
    ]);

    expect(rows).toEqual([{ request_id: 'the-change' }]);
  });
});

describe('a route that is not there: 404 in the envelope', () => {
  it.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/v2/webhooks'],
    ['GET', '/v1/webhooks/'],
    ['GET', '/v1//webhooks'],
    ['GET', '/V1/webhooks'],
    ['GET', '/v1/nothing?x=%00'],
    ['DELETE', '/v1/events'],
    ['PUT', '/v1/webhooks'],
    ['OPTIONS', '/v1/webhooks'],
    ['POST', '/health'],
    ['GET', '/auth'],
    ['GET', '/tenants'],
    ['GET', '/v1/webhooks/../../etc/passwd'],
  ] as const)('%s %s', async (method, url) => {
    expectRefusal(await system.call(method, url, { token: tenant.token }), 404, 'NOT_FOUND');
  });

  it('whatever body it is sent', async () => {
    const answer = await system.call('POST', '/v1/nothing', { text: 'not json' });

    expect(answer.status).toBeLessThan(500);
    expect(answer.body).toMatchObject({ data: null, error: { code: expect.any(String) }, pagination: null });
  });
});

describe('a query parameter that the route does not know: 400, and nothing is done', () => {
  it.each([
    ['POST', '/v1/events', { type: 'a', payload: 1 }],
    ['POST', '/events/batch', { events: [{ type: 'a', payload: 1 }] }],
    ['POST', '/v1/webhooks', { url: 'https://example.com/' }],
    ['GET', '/v1/webhooks/01ARZ3NDEKTSV4RRFFQ69G5FAV', undefined],
    ['GET', '/v1/events', undefined],
  ] as const)('%s %s', async (method, path, body) => {
    const answer = await system.call(method, `${path}?dry_run=true`, { token: tenant.token, body });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'dry_run');
  });

  it('as when a webhook is to be deleted', async () => {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });

    const answer = await system.call('DELETE', `/v1/webhooks/${id}?dry_run=true`, { token: tenant.token });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'dry_run');
    expect((await system.call('GET', `/v1/webhooks/${id}`, { token: tenant.token })).status).toBe(200);
  });

  it('but not for probes, which anybody may send anything', async () => {
    expect((await system.call('GET', '/health?x=1')).status).toBe(200);
  });
});

describe('a path that is badly encoded: 400 in the envelope', () => {
  it.each(['/v1/webhooks/%', '/v1/webhooks/%zz', '/v1/webhooks/%ff', '/v1/deliveries/%c0%af/attempts'])(
    '%s',
    async (url) => {
      expectRefusal(await system.call('GET', url, { token: tenant.token }), 400, 'VALIDATION_ERROR', 'path');
    },
  );
});

describe('HEAD', () => {
  it('answers as GET does, without the body', async () => {
    const answer = await system.call('HEAD', '/v1/webhooks', { token: tenant.token });

    expect(answer).toMatchObject({ status: 200, text: '' });
  });

  it('asks for credentials as GET does', async () => {
    expect((await system.call('HEAD', '/v1/webhooks')).status).toBe(401);
  });
});

describe('a path without /v1', () => {
  it.each(['/webhooks', '/events', '/dlq'])('answers as with it: %s', async (path) => {
    const answers = await Promise.all(
      [path, `/v1${path}`].map((url) => system.call('GET', url, { token: tenant.token })),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0]?.body).toEqual(answers[1]?.body);
  });

  it.each(['/deliveries', '/event-types', '/keys', '/tenants', '/audit-logs', '/admin/overview', '/auth'])(
    'is no route elsewhere: %s',
    async (path) => {
      expectRefusal(await system.call('GET', path, { token: tenant.token }), 404, 'NOT_FOUND');
    },
  );
});
