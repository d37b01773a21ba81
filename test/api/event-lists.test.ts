import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const day = (n: number) => `2026-01-0${n}T00:00:00.000Z`;
const get = (path: string) => system.call('GET', path, { token: tenant.token });
const idsOf = ({ body }: ApiAnswer): string[] => body.data.map(({ id }: { id: string }) => id);

/** Events as they are after they were accepted at a time of their own. */
async function store(rows: readonly (readonly [id: string, type: string, createdAt: string])[]): Promise<void> {
  for (const [id, type, createdAt] of rows) {
    await system.database.query(
      `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
       VALUES ($1, $2, $3, '1', '', $4)`,
      [tenant.id, id, type, createdAt],
    );
  }
}

async function allPages(path: string, key: string): Promise<{ found: unknown[]; pages: number }> {
  const found: unknown[] = [];
  let pages = 0;
  for (let cursor: string | null = ''; cursor !== null; pages++) {
    const { body } = await get(cursor === '' ? path : `${path}&cursor=${cursor}`);
    found.push(...body.data.map((item: Record<string, unknown>) => item[key]));
    cursor = body.pagination.next_cursor;
  }
  return { found, pages };
}

describe('GET /v1/events: 200', () => {
  it('lists the newest first, without payloads, also without /v1', async () => {
    await system.publish(tenant, { id: 'e1', source: 'shop', channel: 'eu', event_time: '2026-01-31T12:00:00Z' });

    const answer = await get('/v1/events');
    const bare = await get('/events');

    expect(answer.body).toEqual({
      data: [
        {
          id: 'e1',
          type: 'order.created',
          source: 'shop',
          channel: 'eu',
          event_time: '2026-01-31T12:00:00.000Z',
          created_at: expect.stringMatching(/Z$/),
        },
      ],
      error: null,
      pagination: { limit: 20, next_cursor: null },
    });
    expect(bare.text).toBe(answer.text);
  });

  it.each<[string, string, string[]]>([
    ['all of them', '', ['d', 'c', 'b', 'a']],
    ['by type, whatever its case', '?type=ORDER.created', ['c', 'a']],
    ['by a type that is not there', '?type=order', []],
    ['from a time on', `?from=${day(2)}`, ['d', 'c', 'b']],
    ['up to a time, without it', `?to=${day(3)}`, ['b', 'a']],
    ['by type and span', `?type=order.created&from=${day(2)}&to=${day(4)}`, ['c']],
  ])('finds %s', async (_what, query, expected) => {
    await store([
      ['a', 'order.created', day(1)],
      ['b', 'invoice.paid', day(2)],
      ['c', 'Order.Created', day(3)],
      ['d', 'invoice.paid', day(4)],
    ]);

    expect(idsOf(await get(`/v1/events${query}`))).toEqual(expected);
  });

  it('pages without gaps or repeats, also among events of one moment', async () => {
    await store(['b', 'a', '!~', 'c', 'B'].map((id) => [id, 'a', day(1)] as const));
    const all = idsOf(await get('/v1/events'));

    expect([...all].sort()).toEqual(['!~', 'B', 'a', 'b', 'c']);
    expect(await allPages('/v1/events?limit=2', 'id')).toEqual({ found: all, pages: 3 });
    expect(await allPages('/v1/events?limit=1&type=a', 'id')).toEqual({ found: all, pages: 5 });
  });
});

describe('GET /v1/events: 400', () => {
  const cursor = (key: string) => `?cursor=${Buffer.from(key).toString('base64url')}`;

  it.each([
    ['?cursor=', 'cursor'],
    [cursor('1'), 'cursor'],
    [cursor('1 a b'), 'cursor'],
    [cursor('1 \u0000'), 'cursor'],
    [cursor('9999999999999999 a'), 'cursor'],
    ['?limit=101', 'limit'],
    ['?offset=1', 'offset'],
    ['?type=a..b', 'type'],
    ['?from=yesterday', 'from'],
    ['?to=2026-01-31', 'to'],
  ])('refuses %s and names the parameter', async (query, field) => {
    expectRefusal(await get(`/v1/events${query}`), 400, 'VALIDATION_ERROR', field);
  });
});

describe('GET /v1/events/:id: 200', () => {
  it.each([
    '{"b":1,"a":{"x":[1, 2 ]},"a":12345678901234567890.10}',
    '"\\u0000\\u00e9 é"',
    ' [1 ,\t2]'.trim(),
    'null',
    '{"__proto__":{"a":1}}',
    '1e400',
  ])('shows the payload as it was sent: %s', async (payload) => {
    await system.call('POST', '/v1/events', {
      token: tenant.token,
      text: `{"id":"e1","type":"a","payload": ${payload} }`,
    });

    const answer = await get('/v1/events/e1');

    expectData(answer, 200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.text).toContain(`"payload":${payload}},"error":null,"pagination":null}`);
    expect(answer.body.data).toMatchObject({ id: 'e1', type: 'a', deliveries: [] });
  });

  it('shows its deliveries as they are read alone', async () => {
    await system.createWebhook(tenant, { url: 'https://example.com/a' });
    await system.createWebhook(tenant, { url: 'https://example.com/b' });
    const ids = await system.publish(tenant, { id: 'e1' });

    const { body } = await get('/v1/events/e1');

    expect(body.data.deliveries.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed());
    expect(body.data.deliveries[0]).toMatchObject({ event_id: 'e1', workflow_id: `delivery:${ids[1]}` });
  });

  it('finds every id that a producer may choose', async () => {
    for (const id of ['~'.repeat(255), '%'.repeat(255), '!"#$%&\'()*+,-.', ':;<=>?@[]^_`{|}']) {
      await system.publish(tenant, { id });

      const answer = await get(`/v1/events/${encodeURIComponent(id)}`);

      expect({ status: answer.status, id: answer.body.data?.id }).toEqual({ status: 200, id });
    }
  });
});

describe('GET /v1/events/:id: 404', () => {
  it.each(['none', '%00', '%20', 'a%2Fb', 'x'.repeat(256), 'x'.repeat(600)])('for the id %.30s', async (id) => {
    expectRefusal(await get(`/v1/events/${id}`), 404, 'NOT_FOUND');
  });
});

describe('GET /v1/event-types', () => {
  it('is 200 with each type in lower case, how often and when it was last seen, in alphabetical order', async () => {
    await store([
      ['a', 'order.created', day(1)],
      ['b', 'invoice.paid', day(2)],
      ['c', 'Order.Created', day(3)],
    ]);

    const answer = await get('/v1/event-types');

    expect(answer.body).toEqual({
      data: [
        { type: 'invoice.paid', count: 1, last_seen_at: day(2) },
        { type: 'order.created', count: 2, last_seen_at: day(3) },
      ],
      error: null,
      pagination: { limit: 20, next_cursor: null },
    });
  });

  it('pages without gaps or repeats', async () => {
    const types = ['A', 'a.b', 'a_b', 'b', 'z1'];
    await store(types.map((type) => [type, type, day(1)] as const));

    const { found, pages } = await allPages('/v1/event-types?limit=2', 'type');

    expect(found).toEqual(['a', 'a.b', 'a_b', 'b', 'z1']);
    expect(pages).toBe(3);
  });

  it('counts no further than 10,000', async () => {
    await system.database.query(
      `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash)
       SELECT $1, n::text, 'many', '1', '' FROM generate_series(1, 10001) n`,
      [tenant.id],
    );

    expect((await get('/v1/event-types')).body.data).toMatchObject([{ type: 'many', count: 10_000 }]);
  });

  it('is an empty list before the first event', async () => {
    expect((await get('/v1/event-types')).body.data).toEqual([]);
  });

  it.each([
    ['?cursor=YS4u', 'cursor'],
    ['?limit=0', 'limit'],
    ['?type=a', 'type'],
  ])('is 400 for %s', async (query, field) => {
    expectRefusal(await get(`/v1/event-types${query}`), 400, 'VALIDATION_ERROR', field);
  });
});
