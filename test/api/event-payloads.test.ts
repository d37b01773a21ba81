import { TestSystem, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const post = (text: string) => system.call('POST', '/v1/events', { token: tenant.token, text });

async function storedPayload(id: string): Promise<string | undefined> {
  const rows = await system.database.query<{ payload_snapshot: string }>(
    'SELECT payload_snapshot FROM hook.events WHERE tenant_id = $1 AND id = $2',
    [tenant.id, id],
  );
  return rows[0]?.payload_snapshot;
}

describe('the payload of an event', () => {
  it.each<[string, string]>([
    ['big numbers, a key twice and U+0000', '{"n":12345678901234567890,"a":1,"a":2,"s":"\\u0000"}'],
    ['white space inside', '{ "a" :\n\t[ 1 ,  2 ]\r\n}'],
    ['numbers in every spelling', '[1e400,-0,-0.0,1E+2,0.1000,1.0,123456789012345678901234567890.5]'],
    ['escapes in every spelling', '"\\u00e9é\\/\\"\\\\\\b\\f\\n\\r\\t\\ud83e\\ude9d"'],
    ['lone surrogates', '["\\ud800","\\udc00\\ud800"]'],
    ['brackets and quotes inside strings', '{"a":"}]\\"{[","b":"\\\\","c":["]"]}'],
    ['members of every object', '{"__proto__":{"x":1},"constructor":{"prototype":{}},"toString":null}'],
    ['a member named payload', '{"payload":{"payload":1},"type":"x"}'],
    ['keys in an order of their own', '{"10":1,"9":2,"b":3,"a":4}'],
    ['separators that JavaScript once refused', '"\u2028\u2029\ufeff\u00a0"'],
    ['characters outside of the first plane', '{"🪝":"日本語"}'],
    ['null', 'null'],
    ['true', 'true'],
    ['a number', '1.50'],
    ['an empty string', '""'],
    ['an empty object', '{}'],
    ['an empty array', '[]'],
  ])('is kept byte for byte: %s', async (_what, payload) => {
    const { status, body } = await post(`{"type":"a.b","payload":${payload}}`);

    expect(status).toBe(202);
    expect(await storedPayload(body.data.id)).toBe(payload);
  });

  it.each<[string, string, string]>([
    ['its key is escaped', '{"type":"a.b","pay\\u006coad":{"x":1}}', '{"x":1}'],
    ['it is given twice: the last one counts', '{"payload":1,"type":"a.b","payload":2}', '2'],
    ['it is given twice, once escaped', '{"payload":1,"type":"a.b","\\u0070ayload":[2 ]}', '[2 ]'],
    ['it comes first', '{"payload":{"a":1},"type":"a.b"}', '{"a":1}'],
    ['white space is around it', ' {\n "type" : "a.b" ,\t"payload"\r\n:\n [1] \n}\n ', '[1]'],
    ['another member looks like it', '{"source":"\\"payload\\":1","type":"a.b","payload":2}', '2'],
    ['a member before it ends in a backslash', '{"source":"\\\\","type":"a.b","payload":2}', '2'],
    ['a string before it holds brackets', '{"source":"}{][","type":"a.b","payload":2}', '2'],
    ['it is a number at the very end', '{"type":"a.b","payload":-1.5e3}', '-1.5e3'],
  ])('is found when %s', async (_what, text, payload) => {
    const { status, body } = await post(text);

    expect(status).toBe(202);
    expect(await storedPayload(body.data.id)).toBe(payload);
  });

  it('is kept when it fills what a body may hold', async () => {
    const filler = 'x'.repeat(250_000);

    const { status, body } = await post(`{"type":"a.b","payload":"${filler}"}`);

    expect(status).toBe(202);
    expect(await storedPayload(body.data.id)).toBe(`"${filler}"`);
  });

  it('pollutes no object of ours', async () => {
    await post('{"type":"a.b","payload":{"__proto__":{"polluted":1}}}');

    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each([
    ['it is left out', '{"type":"a.b"}'],
    ['only another member holds one', '{"type":"a.b","source":"payload"}'],
  ])('is asked for when %s', async (_what, text) => {
    expectRefusal(await post(text), 400, 'VALIDATION_ERROR', 'payload');
  });
});

describe('POST /v1/events: 202', () => {
  it('answers the event with its deliveries', async () => {
    const owner = await system.createTenant();
    await system.createWebhook(owner, { url: 'https://example.com/' });

    const { status, body } = await system.call('POST', '/v1/events', {
      token: owner.token,
      body: { type: 'order.created', payload: {}, id: 'order-1:created' },
    });

    expect(status).toBe(202);
    expect(body).toEqual({
      data: {
        id: 'order-1:created',
        event_id: 'order-1:created',
        message: 'Event accepted for processing.',
        webhooks_queued: 1,
        delivery_ids: [expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/)],
      },
      error: null,
      pagination: null,
    });
  });

  it('keeps what stands beside the payload', async () => {
    const { body } = await system.call('POST', '/events', {
      token: tenant.token,
      body: {
        event: 'Order.Created',
        payload: 1,
        source: 'shop',
        channel: 'eu',
        event_time: '2026-01-31T12:00:00.123+01:00',
        tenant_id: tenant.id,
      },
    });

    const rows = await system.database.query(
      'SELECT type, source, channel, event_time, idempotency_key FROM hook.events WHERE id = $1',
      [body.data.id],
    );

    expect(rows).toEqual([
      {
        type: 'Order.Created',
        source: 'shop',
        channel: 'eu',
        event_time: new Date('2026-01-31T11:00:00.123Z'),
        idempotency_key: null,
      },
    ]);
  });

  it.each(['a', '!', '~', 'x'.repeat(255), "'; DROP TABLE hook.events; --".replaceAll(' ', '_'), '%00', '..'])(
    'takes the id %.40s',
    async (id) => {
      const { body } = await system.call('POST', '/v1/events', {
        token: tenant.token,
        body: { type: 'a', payload: 1, id },
      });

      expect(body.data?.id).toBe(id);
    },
  );
});

describe('POST /v1/events: 400', () => {
  it.each<[string, object, string]>([
    ['no type', { type: undefined }, 'type'],
    ['type and event at once', { event: 'b' }, 'event'],
    ['an empty type', { type: '' }, 'type'],
    ['an empty segment', { type: 'a..b' }, 'type'],
    ['a dot at the end', { type: 'a.' }, 'type'],
    ['a star', { type: 'a.*' }, 'type'],
    ['a line break at the end', { type: 'a\n' }, 'type'],
    ['a letter outside of ASCII', { type: 'bücher' }, 'type'],
    ['256 characters', { type: 'a'.repeat(256) }, 'type'],
    ['a number for a type', { type: 5 }, 'type'],
    ['a type of our own', { type: 'everhook.test' }, 'type'],
    ['a type of our own in capitals', { type: 'EverHook.test' }, 'type'],
    ['a type of our own by its other name', { type: undefined, event: 'everhook.test' }, 'event'],
    ['an empty id', { id: '' }, 'id'],
    ['an id of 256 characters', { id: 'x'.repeat(256) }, 'id'],
    ['an id with a space', { id: 'a b' }, 'id'],
    ['an id with a slash', { id: 'a/b' }, 'id'],
    ['an id with U+0000', { id: 'a\u0000' }, 'id'],
    ['an id outside of ASCII', { id: 'é' }, 'id'],
    ['an id with a line break', { id: 'a\n' }, 'id'],
    ['a number for an id', { id: 5 }, 'id'],
    ['a source of 256 characters', { source: 'x'.repeat(256) }, 'source'],
    ['a source with U+0000', { source: '\u0000' }, 'source'],
    ['an empty channel', { channel: '' }, 'channel'],
    ['a channel with U+0000', { channel: '\u0000' }, 'channel'],
    ['a time that is a number', { event_time: 1_700_000_000 }, 'event_time'],
    ['a day for a time', { event_time: '2026-01-31' }, 'event_time'],
    ['a leap second', { event_time: '2016-12-31T23:59:60Z' }, 'event_time'],
    ['the 30th of February', { event_time: '2026-02-30T00:00:00Z' }, 'event_time'],
    ['the year 0000', { event_time: '0000-01-01T00:00:00Z' }, 'event_time'],
    ['the year 9999 in another zone', { event_time: '9999-12-31T23:59:59-01:00' }, 'event_time'],
    ['an unknown field', { typ: 'x' }, 'typ'],
  ])('refuses %s, names the field and stores nothing', async (_what, change, field) => {
    const count = () => system.database.query('SELECT count(*) AS n FROM hook.events');
    const before = await count();

    const answer = await system.call('POST', '/v1/events', {
      token: tenant.token,
      body: { type: 'a', payload: 1, ...change },
    });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', field);
    expect(await count()).toEqual(before);
  });
});

describe('POST /v1/events: 403', () => {
  it("refuses another tenant's id in the body", async () => {
    const other = await system.createTenant();

    const answer = await system.call('POST', '/v1/events', {
      token: tenant.token,
      body: { type: 'a', payload: 1, tenant_id: other.id },
    });

    expectRefusal(answer, 403, 'FORBIDDEN', 'tenant_id');
  });
});
