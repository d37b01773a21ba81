import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
  await system.createWebhook(tenant, { url: 'https://example.com/a' });
  await system.createWebhook(tenant, { url: 'https://example.com/b' });
});

afterAll(() => system.stop());

const event = { type: 'order.created', payload: { n: 1 } };

const post = (body: object, key?: string): Promise<ApiAnswer> =>
  system.call('POST', '/v1/events', {
    token: tenant.token,
    body,
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });

async function stored(): Promise<{ events: number; deliveries: number }> {
  const [row] = await system.database.query<{ events: number; deliveries: number }>(
    `SELECT (SELECT count(*)::int FROM hook.events WHERE tenant_id = $1) AS events,
            (SELECT count(*)::int FROM hook.deliveries WHERE tenant_id = $1) AS deliveries`,
    [tenant.id],
  );
  return row ?? { events: -1, deliveries: -1 };
}

describe('an event that comes again: 202', () => {
  it('is answered as before and delivered no second time, by its id', async () => {
    const first = await post({ ...event, id: 'e1' });

    const second = await post({ ...event, id: 'e1' });

    expect(second).toMatchObject({ status: 202, body: first.body });
    expect(second.body.data.delivery_ids).toHaveLength(2);
    expect(await stored()).toEqual({ events: 1, deliveries: 2 });
  });

  it('is answered as before and delivered no second time, by its Idempotency-Key', async () => {
    const first = await post(event, 'key 1');

    const second = await post(event, 'key 1');

    expect(second).toMatchObject({ status: 202, body: first.body });
    expect(await stored()).toEqual({ events: 1, deliveries: 2 });
  });

  it('is the same in another case of its type', async () => {
    const first = await post({ ...event, id: 'e1', type: 'order.created' });

    const second = await post({ ...event, id: 'e1', type: 'Order.Created' });

    expect(second).toMatchObject({ status: 202, body: first.body });
  });

  it('is told by its own id, whatever Idempotency-Key comes along', async () => {
    await post({ ...event, id: 'e1' }, 'key 1');

    const other = await post({ ...event, id: 'e2' }, 'key 1');

    expect(other).toMatchObject({ status: 202, body: { data: { id: 'e2' } } });
  });

  it('is the same whatever the order and spelling of its members outside of the payload', async () => {
    const text = (body: string) => system.call('POST', '/v1/events', { token: tenant.token, text: body });
    const first = await text('{"id":"e1","type":"a","payload":{"x": 1}}');

    const second = await text('{ "payload": {"x": 1}, "event": "a", "id": "\\u0065\\u0031" }');

    expect(second.body).toEqual(first.body);
  });

  it('is answered with the deliveries of its first time when webhooks changed since', async () => {
    const first = await post({ ...event, id: 'e1' });
    await system.createWebhook(tenant, { url: 'https://example.com/c' });

    const second = await post({ ...event, id: 'e1' });

    expect(second.body).toEqual(first.body);
  });

  it('is another event for another tenant', async () => {
    await post({ ...event, id: 'e1' }, 'k1');
    const other = await system.createTenant();

    const answer = await system.call('POST', '/v1/events', {
      token: other.token,
      body: { ...event, id: 'e1', payload: 'other' },
      headers: { 'idempotency-key': 'k1' },
    });

    expect(answer.body.data).toMatchObject({ id: 'e1', webhooks_queued: 0 });
  });

  it.each<[string, object, string | undefined]>([
    ['its id', { id: 'raced' }, undefined],
    ['its Idempotency-Key', {}, 'raced'],
    ['both', { id: 'raced' }, 'raced'],
  ])('is one event with one delivery per webhook when it comes 50 times at once, by %s', async (_by, own, key) => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post({ ...event, ...own }, key)));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await stored()).toEqual({ events: 1, deliveries: 2 });
  });

  it('is two events without an id or a key', async () => {
    const first = await post(event);
    const second = await post(event);

    expect(first.body.data.id).not.toBe(second.body.data.id);
    expect(await stored()).toEqual({ events: 2, deliveries: 4 });
  });
});

const whole = { ...event, source: 'shop', channel: 'eu', event_time: '2026-01-31T12:00:00Z' };
const otherContent: [string, object][] = [
  ['another type', { ...whole, type: 'order.deleted' }],
  ['another payload', { ...whole, payload: { n: 2 } }],
  ['a payload spelt otherwise', { ...whole, payload: { n: 1.0, m: undefined, o: null } }],
  ['another source', { ...whole, source: 'till' }],
  ['no source', { ...whole, source: undefined }],
  ['an empty source', { ...whole, source: '' }],
  ['another channel', { ...whole, channel: 'us' }],
  ['another time', { ...whole, event_time: '2026-01-31T12:00:01Z' }],
];

describe('an event that comes again with other content: 409', () => {
  it.each(otherContent)('is EVENT_ID_CONFLICT by its id: %s', async (_what, changed) => {
    await post({ ...whole, id: 'e1' });

    const answer = await post({ ...changed, id: 'e1' });

    expectRefusal(answer, 409, 'EVENT_ID_CONFLICT', 'id');
    expect((await stored()).events).toBe(1);
  });

  it.each(otherContent)('is IDEMPOTENCY_CONFLICT by its key: %s', async (_what, changed) => {
    await post(whole, 'k1');

    const answer = await post(changed, 'k1');

    expectRefusal(answer, 409, 'IDEMPOTENCY_CONFLICT', 'Idempotency-Key');
    expect((await stored()).events).toBe(1);
  });

  it('accepts one of many different events that claim one id at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => post({ ...event, id: 'raced', payload: n })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array<number>(9).fill(409)]);
    expect(await stored()).toEqual({ events: 1, deliveries: 2 });
  });

  it('shows nothing of the event that was there before', async () => {
    await post({ ...event, id: 'e1', payload: 'first-content' });

    const answer = await post({ ...event, id: 'e1', payload: 'other' });

    expect(answer.text).not.toContain('first-content');
  });
});

describe('the Idempotency-Key: 400', () => {
  it.each([
    ['is empty', ''],
    ['has 256 characters', 'x'.repeat(256)],
  ])('is refused when it %s', async (_what, key) => {
    expectRefusal(await post(event, key), 400, 'VALIDATION_ERROR', 'idempotency-key');
  });
});

describe('events that come at one time and share a commit', () => {
  it('are each accepted for its own tenant and webhooks, and repeats of one of them once', async () => {
    const other = await system.createTenant();
    await system.createWebhook(other, { url: 'https://example.com/c' });
    const postFor = ({ token }: TestTenant, body: object) => system.call('POST', '/v1/events', { token, body });

    const answers = await Promise.all([
      postFor(tenant, { ...event, id: 'shared' }),
      postFor(other, { ...event, id: 'shared' }),
      postFor(tenant, { ...event, id: 'shared' }),
      postFor(tenant, { ...event, id: 'another' }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    const [first, foreign, again, another] = answers.map(({ body }) => body.data.delivery_ids as string[]);
    expect([first?.length, foreign?.length, another?.length]).toEqual([2, 1, 2]);
    expect(again).toEqual(first);
    expect(await stored()).toEqual({ events: 2, deliveries: 4 });
  });

  it('are accepted although one among them is refused by the database', async () => {
    const plain = { type: 'order.created', source: null, eventTime: null, channel: null, idempotencyKey: null };
    const accept = (id: string, payloadText: string) =>
      system.ctx.acceptEvent({ ...plain, tenantId: tenant.id, id, payloadText });

    const results = await Promise.allSettled([accept('good', '1'), accept('bad', '"\u0000"'), accept('fine', '2')]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await stored()).toEqual({ events: 2, deliveries: 4 });
  });
});
