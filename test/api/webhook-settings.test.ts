import { TestSystem, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  await system.database.query('UPDATE hook.quotas SET max_active_webhooks = 1000');
  webhookId = (await system.createWebhook(tenant, { url: 'https://example.com/' })).id;
});

afterAll(() => system.stop());

const create = (settings: object) =>
  system.call('POST', '/v1/webhooks', { token: tenant.token, body: { url: 'https://example.com/', ...settings } });
const createAlone = (body: object) => system.call('POST', '/v1/webhooks', { token: tenant.token, body });
const change = (settings: object) =>
  system.call('PATCH', `/v1/webhooks/${webhookId}`, { token: tenant.token, body: settings });

const secret = 'a secret of my own';
const manyHeaders = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`X-Header-${n}`, 'v']));

describe('settings of a webhook: 201', () => {
  it.each<[string, object]>([
    ['timeout_ms 1000', { timeout_ms: 1000 }],
    ['timeout_ms 30000', { timeout_ms: 30_000 }],
    ['max_in_flight 1', { max_in_flight: 1 }],
    ['max_in_flight 1000', { max_in_flight: 1000 }],
    ['ttl_seconds 1 without retries', { ttl_seconds: 1, retry_policy: { delays_seconds: [] } }],
    ['ttl_seconds 2592000', { ttl_seconds: 2_592_000 }],
    ['max_queue_size 1', { max_queue_size: 1 }],
    ['max_queue_size 1000000', { max_queue_size: 1_000_000 }],
    ['20 delays', { retry_policy: { delays_seconds: Array(20).fill(1) } }],
    ['a delay of a day', { retry_policy: { delays_seconds: [86_400] }, ttl_seconds: 86_401 }],
    ['the extended policy', { retry_policy: 'extended' }],
    ['a description of 255 characters', { description: '🪝'.repeat(255) }],
    ['an empty description', { description: '' }],
    ['no description', { description: null }],
    ['a channel of 255 characters', { channel: 'c'.repeat(255) }],
    ['no channel', { channel: null }],
    ['20 headers', { headers: manyHeaders(20) }],
    ['no headers', { headers: {} }],
    ['a header without a value', { headers: { 'X-Empty': '' } }],
    ['headers named like members of every object', { headers: { constructor: 'a', toString: 'b' } }],
    ['an event type in capitals', { event_types: ['Order.Created'] }],
    ['a type of our own', { event_types: ['everhook.webhook.disabled'] }],
    ['100 event types', { event_types: Array.from({ length: 100 }, (_, n) => `t.n${n}`) }],
    ['a number written as 1000.0', JSON.parse('{"timeout_ms": 1000.0}')],
  ])('take %s', async (_what, settings) => {
    const { status, body } = await create(settings);

    expect({ status, error: body.error }).toEqual({ status: 201, error: null });
  });

  it.each<[string, object, object]>([
    ['callback_url for url', { callback_url: 'https://example.com/c' }, { url: 'https://example.com/c' }],
    ['event for one of event_types', { url: 'https://example.com/', event: 'a.b' }, { event_types: ['a.b'] }],
    ['events for event_types', { url: 'https://example.com/', events: ['a', 'b.*'] }, { event_types: ['a', 'b.*'] }],
  ])('take %s', async (_what, body, stored) => {
    const answer = await createAlone(body);

    expect(answer.status).toBe(201);
    expect(answer.body.data).toMatchObject(stored);
  });
});

const refused: [string, object, string][] = [
  ...(['timeout_ms', 'max_in_flight', 'ttl_seconds', 'max_queue_size'] as const).flatMap(
    (field): [string, object, string][] => [
      [`${field} 0`, { [field]: 0 }, field],
      [`${field} -1`, { [field]: -1 }, field],
      [`${field} 1000.5`, { [field]: 1000.5 }, field],
      [`${field} as text`, { [field]: '1000' }, field],
      [`${field} null`, { [field]: null }, field],
    ],
  ),
  ['timeout_ms 999', { timeout_ms: 999 }, 'timeout_ms'],
  ['timeout_ms 30001', { timeout_ms: 30_001 }, 'timeout_ms'],
  ['max_in_flight 1001', { max_in_flight: 1001 }, 'max_in_flight'],
  ['ttl_seconds 2592001', { ttl_seconds: 2_592_001 }, 'ttl_seconds'],
  ['max_queue_size 1000001', { max_queue_size: 1_000_001 }, 'max_queue_size'],
  ['a policy of another name', { retry_policy: 'aggressive' }, 'retry_policy'],
  ['a policy named like a member of every object', { retry_policy: 'constructor' }, 'retry_policy'],
  ['21 delays', { retry_policy: { delays_seconds: Array(21).fill(1) } }, 'retry_policy'],
  ['a delay of 0', { retry_policy: { delays_seconds: [0] } }, 'retry_policy'],
  ['a delay of more than a day', { retry_policy: { delays_seconds: [86_401] } }, 'retry_policy'],
  ['a delay of half a second', { retry_policy: { delays_seconds: [0.5] } }, 'retry_policy'],
  ['a policy without delays', { retry_policy: {} }, 'retry_policy'],
  ['a policy with more than delays', { retry_policy: { delays_seconds: [1], jitter: 1 } }, 'retry_policy'],
  ['delays as long as the ttl', { retry_policy: { delays_seconds: [30, 30] }, ttl_seconds: 60 }, 'retry_policy'],
  ['a ttl shorter than the default policy', { ttl_seconds: 341 }, 'retry_policy'],
  ['a description of 256 characters', { description: 'x'.repeat(256) }, 'description'],
  ['a description with U+0000', { description: '\u0000' }, 'description'],
  ['an empty channel', { channel: '' }, 'channel'],
  ['a channel with U+0000', { channel: 'a\u0000' }, 'channel'],
  ['21 headers', { headers: manyHeaders(21) }, 'headers'],
  ['a header that is a number', { headers: { 'X-A': 1 } }, 'headers.X-A'],
  ['a header of 4097 characters', { headers: { 'X-A': 'x'.repeat(4097) } }, 'headers.X-A'],
  ['a header name with a space', { headers: { 'X A': 'v' } }, 'headers'],
  ['a header name with a line break', { headers: { 'X-A\r\nX-B': 'v' } }, 'headers'],
  ['a header value with a line break', { headers: { 'X-A': 'v\r\nX-B: w' } }, 'headers'],
  ['a header value with U+0000', { headers: { 'X-A': '\u0000' } }, 'headers'],
  ['a header value outside of Latin-1', { headers: { 'X-A': '🪝' } }, 'headers'],
  ['an empty header name', { headers: { '': 'v' } }, 'headers'],
  ['one header in two spellings', { headers: { 'X-A': 'v', 'x-a': 'w' } }, 'headers'],
  ...['Host', 'Content-Length', 'Content-Type', 'Transfer-Encoding', 'webhook-id', 'X-Webhook-Signature', 'Cookie'].map(
    (name): [string, object, string] => [`the header ${name}`, { headers: { [name]: 'v' } }, 'headers'],
  ),
  ['no event types', { event_types: [] }, 'event_types'],
  ['an event type with an empty segment', { event_types: ['a..b'] }, 'event_types.0'],
  ['an event type with a star inside', { event_types: ['a', 'a.*.b'] }, 'event_types.1'],
  ['an event type of 256 characters', { event_types: ['a'.repeat(256)] }, 'event_types.0'],
  ['101 event types', { event_types: Array(101).fill('a') }, 'event_types'],
  ['event and events at once', { event: 'a', events: ['b'] }, 'event'],
  ['event and event_types at once', { event: 'a', event_types: ['b'] }, 'event'],
  ['events and event_types at once', { events: ['a'], event_types: ['b'] }, 'events'],
  ['url and callback_url at once', { url: 'https://a.example/', callback_url: 'https://b.example/' }, 'callback_url'],
  ['is_active as text', { is_active: 'true' }, 'is_active'],
  ['an unknown lane', { lane: 'fast' }, 'lane'],
  ['an unknown field', { colour: 'red' }, 'colour'],
  ['a field that is only read', { state: 'paused' }, 'state'],
];

describe('settings of a webhook: 400', () => {
  it.each(refused)('a new webhook refuses %s and names it', async (_what, settings, field) => {
    expectRefusal(await create(settings), 400, 'VALIDATION_ERROR', field);
  });

  it.each(refused)('a change refuses %s and names it', async (_what, settings, field) => {
    expectRefusal(await change(settings), 400, 'VALIDATION_ERROR', field);
  });

  it('a new webhook needs a url', async () => {
    expectRefusal(await createAlone({}), 400, 'VALIDATION_ERROR', 'url');
  });

  it('has changed nothing by all of this', async () => {
    const { body } = await system.call('GET', `/v1/webhooks/${webhookId}`, { token: tenant.token });
    const rows = await system.database.query('SELECT action FROM hook.audit_logs WHERE target = $1', [
      `webhook:${webhookId}`,
    ]);

    expect(body.data.updated_at).toBe(body.data.created_at);
    expect(rows).toEqual([{ action: 'webhook.created' }]);
  });

  it.each([
    ['15 characters', 'x'.repeat(15)],
    ['129 characters', 'x'.repeat(129)],
    ['whsec_ and no base64', 'whsec_not base64 at all!'],
    ['whsec_ and base64 of 15 bytes', `whsec_${Buffer.alloc(15, 1).toString('base64')}`],
    ['whsec_ and base64 of 76 bytes', `whsec_${Buffer.alloc(76, 1).toString('base64')}`],
  ])('a secret is refused with %s', async (_what, given) => {
    const answer = await create({ secret: given });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'secret');
    expect(answer.text).not.toContain(given);
  });

  it('a secret cannot be changed with the settings', async () => {
    expectRefusal(await change({ secret }), 400, 'VALIDATION_ERROR', 'secret');
  });
});

describe('the URL of a webhook', () => {
  it.each([
    ['https', 'https://example.com/', 'https://example.com/'],
    ['http to a range that was opened', 'http://127.0.0.1:8080/x?y=1', 'http://127.0.0.1:8080/x?y=1'],
    ['capitals, a default port and a final dot', 'HTTPS://EXAMPLE.com.:443/A', 'https://example.com/A'],
    ['an internationalised name', 'https://bücher.example/', 'https://xn--bcher-kva.example/'],
  ])('is stored in one form: %s', async (_what, given, stored) => {
    const { body } = await createAlone({ url: given });

    expect(body.data.url).toBe(stored);
  });

  it.each([
    ['a private address', 'https://10.0.0.1/', 'address'],
    ['the metadata service', 'http://169.254.169.254/latest/meta-data', 'address'],
    ['a private address in decimal', 'http://2886729729/', 'address'],
    ['a private address in IPv6', 'https://[fd00::1]/', 'address'],
    ['a mapped address', 'https://[::ffff:10.0.0.1]/', 'address'],
    ['another scheme', 'ftp://example.com/', 'scheme'],
    ['javascript', 'javascript:alert(1)', 'malformed'],
    ['a password', 'https://user:pw@example.com/', 'userinfo'],
    ['no scheme', 'example.com/hook', 'malformed'],
    ['a line break', 'https://example.com/\nx', 'bad_character'],
    ['U+0000', 'https://example.com/\u0000', 'bad_character'],
    ['a port of a data store', 'https://example.com:5432/', 'port'],
  ])('is 422 URL_NOT_ALLOWED with %s', async (_what, given, reason) => {
    const created = await createAlone({ url: given });
    const changed = await change({ callback_url: given });

    expectRefusal(created, 422, 'URL_NOT_ALLOWED', 'url');
    expectRefusal(changed, 422, 'URL_NOT_ALLOWED', 'callback_url');
    expect(created.body.error.details).toEqual({ reason });
  });

  it('is 422 where Everhook itself listens or what it works with does, although loopback is open', async () => {
    const { DATABASE_URL, KMS_ENDPOINT = '', TEMPORAL_ADDRESS, PORT, METRICS_PORT } = system.ctx.config;
    const places = [
      new URL(DATABASE_URL).host,
      new URL(KMS_ENDPOINT).host,
      TEMPORAL_ADDRESS,
      `127.0.0.1:${PORT}`,
      `localhost:${METRICS_PORT}`,
    ];

    const answers = await Promise.all(places.map((place) => createAlone({ url: `http://${place}/` })));
    const beside = await createAlone({ url: `http://127.0.0.1:${PORT + 1}/` });

    for (const answer of answers) expectRefusal(answer, 422, 'URL_NOT_ALLOWED', 'url');
    expect(beside.status).toBe(201);
  });

  it('is 422 with http and with loopback unless the operator opened them', async () => {
    const closed = await TestSystem.start({ env: { EGRESS_ALLOW_CIDRS: '', EGRESS_ALLOW_HTTP: 'false' } });
    const owner = await closed.createTenant();
    const post = (url: string) => closed.call('POST', '/v1/webhooks', { token: owner.token, body: { url } });

    const answers = [
      await post('http://example.com/'),
      await post('https://127.0.0.1/'),
      await post('https://localhost/'),
    ];

    await closed.stop();
    for (const answer of answers) expectRefusal(answer, 422, 'URL_NOT_ALLOWED', 'url');
  });

  it.each([
    ['empty', ''],
    ['longer than 2048 characters', `https://example.com/${'x'.repeat(2048)}`],
    ['null', null],
    ['a list', ['https://example.com/']],
  ])('is 400 when it is %s', async (_what, given) => {
    expectRefusal(await createAlone({ url: given }), 400, 'VALIDATION_ERROR', 'url');
  });
});
