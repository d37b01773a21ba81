/** Whatever is sent, the answer is the client's fault or a success: never ours, and always in the envelope. */
import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;
let keyId: string;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  await system.database.query('UPDATE hook.quotas SET max_active_webhooks = 100000, max_events_per_sec = 100000');
  webhookId = (await system.createWebhook(tenant, { url: 'https://example.com/' })).id;
  const body = { name: 'x', scopes: ['read:events'] };
  keyId = (await system.call('POST', '/v1/keys', { token: tenant.token, body })).body.data.id;
});

afterAll(() => system.stop());

/** As JSON text, because some of them exist only there. */
const nasty = [
  'null',
  'true',
  '""',
  '" "',
  '0',
  '-0',
  '-1',
  '1.5',
  '1e999',
  '-1e999',
  '2147483648',
  '9007199254740993',
  '[]',
  '{}',
  '[null]',
  '[[]]',
  '[{}]',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":1}}',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\ud800\\u0000\\udc00"',
  '"\u2028\u202e\ufeff"',
  '"🪝"',
  `"${'x'.repeat(5000)}"`,
  `${'['.repeat(60)}${']'.repeat(60)}`,
  `"${'a.'.repeat(2000)}!"`,
  `"' OR '1'='1'; --"`,
  '"../../etc/passwd"',
  '"%00%ff%zz"',
  '"__proto__"',
  '"constructor"',
  '"*"',
  '"everhook.*"',
  '"default"',
  '"0000-01-01T00:00:00Z"',
  '"9999-12-31T23:59:60Z"',
  '"+275760-09-13T00:00:00Z"',
  '"2026-13-45T99:99:99Z"',
  '"http://[::1"',
  '"https://\\ud800.example/"',
  '"https://a.example/\\udfff?\\u0000"',
  '"data:,x"',
];
const wrapped = [...nasty, ...nasty.map((value) => `[${value}]`)];

/** Thousands of requests, one after the other. */
const timeoutMs = 120_000;

const webhookFields = [
  'url callback_url event_types event events description channel is_active headers retry_policy timeout_ms',
  'max_in_flight ttl_seconds max_queue_size lane tenant_id secret',
]
  .join(' ')
  .split(' ');
const eventFields = 'type event payload id event_time source channel tenant_id'.split(' ');

const routes: [string, 'POST' | 'PATCH' | 'PUT', () => string, Record<string, string>, string[]][] = [
  ['POST /v1/tenants', 'POST', () => '/v1/tenants', { name: '"x"' }, ['name', 'id']],
  [
    'POST /v1/auth',
    'POST',
    () => '/v1/auth',
    { grant_type: '"client_credentials"', client_id: '"x"', client_secret: '"y"' },
    ['grant_type', 'client_id', 'client_secret', 'scope'],
  ],
  ['POST /v1/webhooks', 'POST', () => '/v1/webhooks', { url: '"https://example.com/"' }, webhookFields],
  ['PATCH /v1/webhooks/:id', 'PATCH', () => `/v1/webhooks/${webhookId}`, {}, webhookFields],
  ['POST /v1/events', 'POST', () => '/v1/events', { type: '"a"', payload: '1' }, eventFields],
  ['POST /v1/events/batch', 'POST', () => '/v1/events/batch', {}, ['events']],
  [
    'POST /v1/keys',
    'POST',
    () => '/v1/keys',
    { name: '"x"', scopes: '["read:events"]' },
    ['name', 'description', 'scopes', 'expires_at'],
  ],
  ['PATCH /v1/keys/:id', 'PATCH', () => `/v1/keys/${keyId}`, {}, ['name', 'description', 'scopes', 'expires_at']],
  ['POST /v1/webhooks/:id/test', 'POST', () => `/v1/webhooks/${webhookId}/test`, {}, ['type', 'payload']],
  ['POST /v1/webhooks/:id/pause', 'POST', () => `/v1/webhooks/${webhookId}/pause`, {}, ['reason']],
  ['POST /v1/webhooks/:id/resume', 'POST', () => `/v1/webhooks/${webhookId}/resume`, {}, ['reason']],
  [
    'POST /v1/webhooks/:id/rotate-secret',
    'POST',
    () => `/v1/webhooks/${webhookId}/rotate-secret`,
    { force: 'true' },
    ['secret', 'grace_period_seconds', 'force'],
  ],
  [
    'POST /v1/webhooks/:id/replay',
    'POST',
    () => `/v1/webhooks/${webhookId}/replay`,
    { since: '"2026-01-01T00:00:00Z"' },
    ['since', 'until', 'status', 'event_types', 'limit', 'dry_run'],
  ],
  ['POST /v1/dlq/retry', 'POST', () => '/v1/dlq/retry', {}, ['webhook_id', 'from', 'to', 'limit', 'dry_run']],
  [
    'PATCH /v1/quotas/:tenant_id',
    'PATCH',
    () => `/v1/quotas/${tenant.id}`,
    { max_dlq_size: '5000' },
    ['max_concurrent_deliveries', 'max_dlq_size'],
  ],
];

function toText(members: Record<string, string>): string {
  return `{${Object.entries(members)
    .map(([name, value]) => `"${name}":${value}`)
    .join()}}`;
}

/** What is wrong with an answer, or nothing. */
function problem(what: string, { status, body, headers }: ApiAnswer): string | undefined {
  const named = what.slice(0, 120);
  if (status >= 500) return `${named}: ${status}`;
  if (headers['x-request-id'] === undefined) return `${named}: no request id`;
  if (body === undefined) return status === 204 ? undefined : `${named}: no body`;
  const isOAuth = typeof body.error === 'string' && typeof body.error_description === 'string';
  const isEnvelope = 'data' in body && 'error' in body && 'pagination' in body;
  if (!isOAuth && !isEnvelope) return `${named}: ${JSON.stringify(body).slice(0, 100)}`;
  return status >= 400 && isEnvelope && !body.error?.code ? `${named}: ${status} without a code` : undefined;
}

describe('a nasty body', () => {
  it.each(routes)(
    'of %s',
    async (name, method, url, valid, fields) => {
      const token = /tenants|quotas/.test(name) ? adminToken : tenant.token;
      const problems: (string | undefined)[] = [];

      for (const field of fields) {
        for (const value of wrapped) {
          const text = toText({ ...valid, [field]: value });
          problems.push(problem(text, await system.call(method, url(), { token, text })));
        }
      }
      for (const text of wrapped) problems.push(problem(text, await system.call(method, url(), { token, text })));

      expect(problems.filter(Boolean)).toEqual([]);
    },
    timeoutMs,
  );

  it('as the members inside of headers and retry_policy', async () => {
    const problems: (string | undefined)[] = [];

    for (const value of nasty) {
      const name = value.startsWith('"') ? value : JSON.stringify(value);
      for (const member of [
        `"headers":{${name}:"v"}`,
        `"headers":{"X-A":${value}}`,
        `"headers":{"__proto__":${value}}`,
        `"retry_policy":{"delays_seconds":${value}}`,
        `"retry_policy":{"delays_seconds":[${value}]}`,
        `${name}:1`,
      ]) {
        const text = `{"url":"https://example.com/",${member}}`;
        const answer = await system.call('POST', '/v1/webhooks', { token: tenant.token, text });
        problems.push(problem(text, answer));
      }
    }

    expect(problems.filter(Boolean)).toEqual([]);
  });
});

/** As they stand in a URL. */
const nastyParameters = [
  '',
  '%00',
  'a%00b',
  '%20',
  '%0a',
  '-1',
  '0',
  '1e999',
  'NaN',
  'null',
  'undefined',
  '%F0%9F%AA%9D',
  '%ff',
  '%zz',
  '%ED%A0%80',
  '..%2f..%2f',
  '%7B%7D',
  '%5B%5D',
  '__proto__',
  "'%20OR%20'1'='1",
  '9999-12-31T23:59:60Z',
  '0000-01-01T00:00:00Z',
  '+1',
  'x'.repeat(3000),
  // Cursors that may be one of ours by their shape, at the ends of what a database knows.
  ...['0 a', '99999999999999 a', '999999999999999 a', '999999999', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', 'a\n'].map((key) =>
    Buffer.from(key).toString('base64url'),
  ),
];

describe('a nasty URL', () => {
  it.each([
    ['/v1/webhooks', ['limit', 'offset', 'page', 'ids[]', 'events[]', 'is_active', 'state', '__proto__', '%00']],
    [
      '/v1/deliveries',
      ['limit', 'cursor', 'webhook_id', 'event_id', 'event_type', 'status', 'from', 'to', '%00', 'constructor'],
    ],
    ['/v1/deliveries/01ARZ3NDEKTSV4RRFFQ69G5FAV/attempts', ['limit', 'cursor', '__proto__']],
    ['/v1/events', ['limit', 'cursor', 'type', 'from', 'to']],
    ['/v1/event-types', ['limit', 'cursor']],
    ['/v1/dlq', ['limit', 'offset', 'page', 'webhook_id', 'from', 'to']],
    ['/v1/audit-logs', ['limit', 'cursor', 'action', 'from', 'to']],
    ['/v1/replays', ['limit', 'cursor']],
    ['/v1/keys', ['limit', 'offset', 'page']],
  ])('with parameters of %s', async (path, names) => {
    const problems: (string | undefined)[] = [];

    for (const name of names) {
      for (const value of nastyParameters) {
        for (const query of [`${name}=${value}`, `${name}=${value}&${name}=${value}`]) {
          const url = `${path}?${query}`;
          problems.push(problem(url, await system.call('GET', url, { token: tenant.token })));
        }
      }
    }

    expect(problems.filter(Boolean)).toEqual([]);
  });

  it.each([
    ['GET', '/v1/webhooks/', ''],
    ['PATCH', '/v1/webhooks/', ''],
    ['PUT', '/v1/webhooks/', ''],
    ['DELETE', '/v1/webhooks/', ''],
    ['GET', '/v1/deliveries/', ''],
    ['GET', '/v1/deliveries/', '/attempts'],
  ] as const)('with ids in %s %s:id%s', async (method, before, after) => {
    const problems: (string | undefined)[] = [];

    for (const value of nastyParameters) {
      const url = `${before}${value}${after}`;
      const body = method === 'PATCH' || method === 'PUT' ? {} : undefined;
      problems.push(problem(url, await system.call(method, url, { token: tenant.token, body })));
    }

    expect(problems.filter(Boolean)).toEqual([]);
  });

  it('with headers', async () => {
    const problems: (string | undefined)[] = [];

    for (const name of ['authorization', 'x-tenant-id', 'x-request-id', 'idempotency-key', 'content-type']) {
      for (const value of ['', ' ', 'a b', '\u0000', '\u00ff', '__proto__', 'null', 'Bearer a.b.c', 'x'.repeat(4000)]) {
        const answer = await system.call('POST', '/v1/events', {
          token: adminToken,
          body: { type: 'a', payload: 1 },
          headers: { 'x-tenant-id': tenant.id, [name]: value },
        });
        problems.push(problem(`${name}: ${value}`, answer));
      }
    }

    expect(problems.filter(Boolean)).toEqual([]);
  });
});
