import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const json = 'application/json';
const event = '{"type":"a","payload":1}';

/** Sends bytes as they are, under whatever content type. */
async function send(payload: Buffer | string | undefined, contentType: string | undefined): Promise<ApiAnswer> {
  const response = await system.app.inject({
    method: 'POST',
    url: '/v1/events',
    ...(payload !== undefined && { payload }),
    headers: {
      authorization: `Bearer ${tenant.token}`,
      ...(contentType !== undefined && { 'content-type': contentType }),
    },
  });
  return { status: response.statusCode, headers: response.headers, body: response.json(), text: response.body };
}

describe('no body at all', () => {
  it('is 400 where one is needed', async () => {
    const answer = await system.call('POST', '/v1/events', { token: tenant.token, text: '' });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'body');
  });

  it('is fine where none is, whatever content type the client names', async () => {
    const { body } = await system.call('POST', '/v1/webhooks', {
      token: tenant.token,
      body: { url: 'https://example.com/hook' },
    });

    const answer = await system.call('DELETE', `/v1/webhooks/${body.data.id}`, { token: tenant.token, text: '' });

    expect(answer.status).toBe(204);
  });
});

describe('a body: 400 MALFORMED_JSON', () => {
  it.each<[string, string | Buffer]>([
    ['white space only', '  \n'],
    ['cut short', '{"type":"a","payload":'],
    ['followed by more', `${event}x`],
    ['two documents', `${event}${event}`],
    ['with a comma too many', '{"type":"a","payload":1,}'],
    ['with single quotes', "{'type':'a'}"],
    ['with NaN', '{"type":"a","payload":NaN}'],
    ['with a comment', '{"type":"a"/**/,"payload":1}'],
    ['with a raw line break in a string', '{"type":"a","payload":"\n"}'],
    ['with a raw U+0000', '{"type":"a","payload":"\u0000"}'],
    ['with a broken escape', '{"type":"a","payload":"\\u12"}'],
    ['with an unterminated string', '{"type":"a","payload":"\\"'],
    ['a form', 'type=a&payload=1'],
    ['in UTF-16', Buffer.from(event, 'utf16le')],
    ['with a byte order mark', Buffer.from(`\ufeff${event}`)],
    [
      'with a lone continuation byte',
      Buffer.concat([Buffer.from('{"type":"a","payload":"'), Buffer.from([0x80, 0x22, 0x7d])]),
    ],
    [
      'with an overlong slash',
      Buffer.concat([Buffer.from('{"type":"a","payload":"'), Buffer.from([0xc0, 0xaf, 0x22, 0x7d])]),
    ],
    [
      'with a surrogate in UTF-8',
      Buffer.concat([Buffer.from('{"type":"a","payload":"'), Buffer.from([0xed, 0xa0, 0x80, 0x22, 0x7d])]),
    ],
    ['with a character cut in half at the end', Buffer.concat([Buffer.from(event), Buffer.from([0xe2, 0x82])])],
  ])('is refused when it is %s', async (_what, payload) => {
    expectRefusal(await send(payload, json), 400, 'MALFORMED_JSON');
  });

  it('names the position of the mistake and does not quote the body', async () => {
    const { body, text } = await send('{"type":"a", secret-4711}', json);

    expect(body.error.message).toBe('The body is not valid JSON (at position 13).');
    expect(text).not.toContain('4711');
  });

  it('says so when it is not UTF-8', async () => {
    const { body } = await send(Buffer.from([0x22, 0xff, 0x22]), json);

    expect(body.error.message).toBe('The body is not valid UTF-8.');
  });
});

describe('the depth of a body', () => {
  const nested = (depth: number, open = '[', close = ']') =>
    `{"type":"a","payload":${open.repeat(depth - 1)}${close === '}' ? '1' : ''}${close.repeat(depth - 1)}}`;

  it.each([
    ['arrays', nested(64)],
    ['objects', nested(64, '{"a":', '}')],
    ['brackets inside strings', `{"type":"a","payload":"${'['.repeat(1000)}"}`],
    ['many neighbours', `{"type":"a","payload":[${Array(1000).fill('[[]]').join()}]}`],
  ])('is 202 up to 64 levels: %s', async (_what, text) => {
    expect((await send(text, json)).status).toBe(202);
  });

  it.each([
    ['arrays', nested(65)],
    ['objects', nested(65, '{"a":', '}')],
    ['as many as fit', nested(100_000)],
    ['never closed', '['.repeat(200_000)],
    [
      'after a string with an escaped quote',
      `{"type":"a","source":"\\"","payload":${'['.repeat(64)}${']'.repeat(64)}}`,
    ],
  ])('is 400 from 65 levels on: %s', async (_what, text) => {
    const answer = await send(text, json);

    expectRefusal(answer, 400, 'MALFORMED_JSON');
    expect(answer.body.error.message).toContain('64');
  });
});

describe('the content type: 415', () => {
  it.each<[string, string | undefined]>([
    ['missing', undefined],
    ['text/plain', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['multipart', 'multipart/form-data; boundary=x'],
    ['another JSON', 'application/jsonx'],
    ['a JSON patch', 'application/json-patch+json'],
    ['JSON behind a space', 'text/plain application/json'],
    ['JSON behind a comma', 'text/plain, application/json'],
    ['nonsense', ';;;'],
    ['UTF-16', 'application/json; charset=utf-16'],
    ['Latin-1, quoted', 'application/json; charset="iso-8859-1"'],
  ])('is refused when it is %s', async (_what, contentType) => {
    expectRefusal(await send(event, contentType), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it.each([
    json,
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json; charset=utf8',
    'Application/JSON',
  ])('is taken when it is %s', async (contentType) => {
    expect((await send(event, contentType)).status).toBe(202);
  });
});

describe('a body that is missing: 400', () => {
  it.each([
    ['POST', '/v1/events'],
    ['POST', '/v1/webhooks'],
    ['PATCH', '/v1/webhooks/01ARZ3NDEKTSV4RRFFQ69G5FAV'],
  ] as const)('%s %s', async (method, url) => {
    expectRefusal(await system.call(method, url, { token: tenant.token }), 400, 'VALIDATION_ERROR', 'body');
  });

  it.each(['null', '[]', '"text"', '5', 'true'])('is refused when it is %s', async (text) => {
    expectRefusal(await send(text, json), 400, 'VALIDATION_ERROR', 'body');
  });
});

describe('the size of a body', () => {
  const sized = (bytes: number) => `{"type":"a","payload":"${'x'.repeat(bytes - 25)}"}`;
  const tenantOfSize = (bytes: number) => `${' '.repeat(bytes - 12)}{"name":"x"}`;

  it('may be MAX_EVENT_BYTES for an event and not one more', async () => {
    expect(sized(262_144)).toHaveLength(262_144);
    expect((await send(sized(262_144), json)).status).toBe(202);
    expectRefusal(await send(sized(262_145), json), 413, 'PAYLOAD_TOO_LARGE');
  });

  it('is counted in bytes', async () => {
    const text = `{"type":"a","payload":"${'é'.repeat(131_072)}"}`;

    expectRefusal(await send(text, json), 413, 'PAYLOAD_TOO_LARGE');
  });

  it('may be 8 KiB for a management request and not one more', async () => {
    const post = (bytes: number) =>
      system.call('POST', '/v1/tenants', { token: adminToken, text: tenantOfSize(bytes) });

    expect((await post(8192)).status).toBe(201);
    expectRefusal(await post(8193), 413, 'PAYLOAD_TOO_LARGE');
  });

  it('is 8 KiB for every other route with a body', async () => {
    const text = `{"description":"${'x'.repeat(8192)}"}`;
    const path = '/v1/webhooks/01ARZ3NDEKTSV4RRFFQ69G5FAV';

    for (const [method, url] of [
      ['POST', '/v1/webhooks'],
      ['PATCH', path],
      ['PUT', path],
    ] as const) {
      expectRefusal(await system.call(method, url, { token: tenant.token, text }), 413, 'PAYLOAD_TOO_LARGE');
    }
  });

  it('follows the setting', async () => {
    const small = await TestSystem.start({ env: { MAX_EVENT_BYTES: '1024' } });
    const owner = await small.createTenant();

    const fits = await small.call('POST', '/v1/events', { token: owner.token, text: sized(1024) });
    const exceeds = await small.call('POST', '/v1/events', { token: owner.token, text: sized(1025) });

    await small.stop();
    expect(fits.status).toBe(202);
    expectRefusal(exceeds, 413, 'PAYLOAD_TOO_LARGE');
  });
});

describe('keys of a body', () => {
  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'a/b', 'a~b'])(
    'are refused when unknown, even "%s"',
    async (key) => {
      const answer = await send(`{"type":"a","payload":1,${JSON.stringify(key)}:{"x":1}}`, json);

      expectRefusal(answer, 400, 'VALIDATION_ERROR', key === '' ? 'body' : key);
    },
  );

  it('take no defaults from a prototype that is sent along', async () => {
    const answer = await system.call('POST', '/v1/webhooks', {
      token: tenant.token,
      text: '{"__proto__":{"url":"https://example.com/"}}',
    });

    expect(answer.status).toBe(400);
  });

  it('count as JSON.parse has them when they come twice: the last one', async () => {
    const { body } = await send('{"type":"first","type":"a..b","payload":1}', json);
    const taken = await send('{"type":"a..b","type":"last","payload":1}', json);

    expect(body.error).toMatchObject({ code: 'VALIDATION_ERROR', field: 'type' });
    expect(taken.status).toBe(202);
  });

  it('keep lone surrogates away from the database without failing', async () => {
    const answer = await system.call('POST', '/v1/tenants', { token: adminToken, text: '{"name":"\\ud800"}' });

    expect(answer.status).toBeLessThan(500);
  });
});
