import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const event = (change: object = {}) => ({ type: 'order.created', payload: { n: 1 }, ...change });
const post = (events: unknown, rest: object = {}): Promise<ApiAnswer> =>
  system.call('POST', '/v1/events/batch', { token: tenant.token, body: { events, ...rest } });
const postText = (text: string): Promise<ApiAnswer> =>
  system.call('POST', '/v1/events/batch', { token: tenant.token, text });

async function payloads(): Promise<Record<string, string>> {
  const rows = await system.database.query<{ id: string; payload: string }>(
    'SELECT id, payload_snapshot AS payload FROM hook.events WHERE tenant_id = $1',
    [tenant.id],
  );
  return Object.fromEntries(rows.map(({ id, payload }) => [id, payload]));
}

describe('POST /v1/events/batch: 202', () => {
  it('answers each event in order as POST /v1/events answers one', async () => {
    await system.createWebhook(tenant, { url: 'https://example.com/', event_types: ['order.*'] });

    const answer = await post([event({ id: 'e1' }), event({ id: 'e2', type: 'invoice.paid' }), event()]);

    expect(answer).toMatchObject({ status: 202, body: { error: null, pagination: null } });
    const [first, second, third] = answer.body.data;
    const message = 'Event accepted for processing.';
    const ids = [expect.stringMatching(/^[0-9A-Z]{26}$/)];
    expect(first).toEqual({ id: 'e1', event_id: 'e1', message, webhooks_queued: 1, delivery_ids: ids });
    expect(second).toEqual({ id: 'e2', event_id: 'e2', message, webhooks_queued: 0, delivery_ids: [] });
    expect(third).toMatchObject({ id: expect.stringMatching(/^[0-9A-Z]{26}$/), webhooks_queued: 1 });
    expect(await system.delivery(tenant, first.delivery_ids[0])).toMatchObject({ event_id: 'e1' });
  });

  it('keeps each payload byte for byte', async () => {
    const texts = {
      a: '{"b":1,"a":[1, 2 ],"a":12345678901234567890.10}',
      b: '"],[}{,\\"\\\\"',
      c: '[ ]',
      d: '{"payload":{"payload":0}}',
      e: '"\\u0000é"',
      f: '-0',
    };
    const items = Object.entries(texts).map(([id, text]) => `{"id":"${id}","type":"a","payload" : ${text} }`);

    // What JSON.parse would take is what counts: the last member of a name.
    const answer = await postText(`{ "events":[{"type":"b","payload":1}], "events" : [ ${items.join(' ,\n')} ] } `);

    expect(answer.status).toBe(202);
    expect(await payloads()).toEqual(texts);
  });

  it('refuses an event on its own and takes the others', async () => {
    const other = await system.createTenant();

    const { status, body } = await post([
      event({ id: 'e1' }),
      event({ type: 'a..b' }),
      event({ type: 'everhook.test' }),
      event({ typ: 'x' }),
      { type: 'a' },
      'text',
      null,
      event({ tenant_id: other.id }),
      event({ event_time: '2016-12-31T23:59:60Z' }),
      event({ id: 'e2' }),
    ]);

    expect(status).toBe(202);
    const refusal = (code: string, field: string) => ({
      error: { code, field, message: expect.stringMatching(/\S/) },
    });
    expect(body.data).toEqual([
      expect.objectContaining({ id: 'e1' }),
      refusal('VALIDATION_ERROR', 'type'),
      refusal('VALIDATION_ERROR', 'type'),
      refusal('VALIDATION_ERROR', 'typ'),
      refusal('VALIDATION_ERROR', 'payload'),
      refusal('VALIDATION_ERROR', 'event'),
      refusal('VALIDATION_ERROR', 'event'),
      refusal('FORBIDDEN', 'tenant_id'),
      refusal('VALIDATION_ERROR', 'event_time'),
      expect.objectContaining({ id: 'e2' }),
    ]);
    expect(Object.keys(await payloads()).sort()).toEqual(['e1', 'e2']);
  });

  it('answers an id that comes again, in the batch or later, as the first time', async () => {
    await system.createWebhook(tenant, { url: 'https://example.com/' });

    const first = await post([event({ id: 'e1' }), event({ id: 'e2' }), event({ id: 'e1' })]);
    const second = await post([event({ id: 'e2' }), event({ id: 'e1' })]);

    const [e1, e2, again] = first.body.data;
    expect(again).toEqual(e1);
    expect(second.body.data).toEqual([e2, e1]);
    expect(
      await system.database.query('SELECT id FROM hook.deliveries WHERE tenant_id = $1', [tenant.id]),
    ).toHaveLength(2);
  });

  it('takes the first of two contents under one id and refuses the other', async () => {
    const events = Array.from({ length: 50 }, (_, n) => event({ id: `e${n % 25}`, payload: n }));

    const { body } = await post(events);

    const codes = body.data.map(({ error }: { error?: { code: string } }) => error?.code);
    expect(codes).toEqual([
      ...Array.from({ length: 25 }, () => undefined),
      ...Array.from({ length: 25 }, () => 'EVENT_ID_CONFLICT'),
    ]);
    expect((await payloads())['e7']).toBe('7');
  });

  it('takes 100 events, and the same batch 10 times at once is one', async () => {
    await system.createWebhook(tenant, { url: 'https://example.com/' });
    await system.database.query('UPDATE hook.quotas SET max_events_per_sec = 1000 WHERE tenant_id = $1', [tenant.id]);
    const events = Array.from({ length: 100 }, (_, n) => event({ id: `e${n}` }));

    const answers = await Promise.all(Array.from({ length: 10 }, () => post(events)));

    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.body.data.map(({ id }: { id: string }) => id)).toEqual(events.map((_, n) => `e${n}`));
    expect(
      await system.database.query('SELECT id FROM hook.deliveries WHERE tenant_id = $1', [tenant.id]),
    ).toHaveLength(100);
  });

  it('refuses an event larger than an event may be, and takes one that is just as large', async () => {
    const sized = (bytes: number) => {
      const [head, tail] = ['{"type":"a","payload":"', '"}'];
      return `${head}${'x'.repeat(bytes - head.length - tail.length)}${tail}`;
    };

    const { body } = await postText(`{"events":[ ${sized(262_144)} , ${sized(262_145)}]}`);

    expect(body.data).toEqual([
      expect.objectContaining({ webhooks_queued: 0 }),
      { error: { code: 'PAYLOAD_TOO_LARGE', message: 'The event is larger than 262144 bytes.' } },
    ]);
  });

  it('answers without /v1 as well', async () => {
    const answer = await system.call('POST', '/events/batch', { token: tenant.token, body: { events: [event()] } });

    expect(answer.status).toBe(202);
  });
});

describe('POST /v1/events/batch: 400 and 413', () => {
  it.each<[string, unknown, string]>([
    ['no event', [], 'events'],
    ['101 events', Array.from({ length: 101 }, () => event()), 'events'],
    ['no list', event(), 'events'],
    ['nothing', undefined, 'events'],
  ])('refuses a batch with %s as a whole', async (_what, events, field) => {
    expectRefusal(await post(events), 400, 'VALIDATION_ERROR', field);
  });

  it('refuses an unknown field', async () => {
    expectRefusal(await post([event()], { atomic: true }), 400, 'VALIDATION_ERROR', 'atomic');
  });

  it.each(['', '[]', 'null', '"events"'])('refuses the body %j', async (text) => {
    expectRefusal(await postText(text), 400, 'VALIDATION_ERROR', 'body');
  });

  it('refuses an Idempotency-Key, which could hold for one event only', async () => {
    const answer = await system.call('POST', '/v1/events/batch', {
      token: tenant.token,
      body: { events: [event()] },
      headers: { 'idempotency-key': 'k' },
    });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'Idempotency-Key');
    expect(await payloads()).toEqual({});
  });

  it('refuses JSON that is none, and stores nothing', async () => {
    expectRefusal(await postText('{"events":[{"type":"a","payload":1},]}'), 400, 'MALFORMED_JSON');
    expect(await payloads()).toEqual({});
  });

  it('takes 4 MiB and refuses more', async () => {
    const limit = 4 * 1024 * 1024;
    const [head, tail] = ['{"events":[{"type":"a","payload":1}', ']}'];
    const body = (bytes: number) => `${head}${' '.repeat(bytes - head.length - tail.length)}${tail}`;

    expect((await postText(body(limit))).status).toBe(202);
    expectRefusal(await postText(body(limit + 1)), 413, 'PAYLOAD_TOO_LARGE');
  });
});
