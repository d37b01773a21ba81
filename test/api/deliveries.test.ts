import { ulid } from 'ulid';
import { newId } from '../../src/domain/ids';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
/** Newest first, as the list has them. */
const ids: string[] = [];
const webhookIds = [newId(), newId()];
const day = (n: number) => `2026-01-0${n}T00:00:00.000Z`;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  const rows: [webhook: number, event: string, type: string, status: string, createdAt: string][] = [
    [0, 'e1', 'order.created', 'SUCCESS', day(1)],
    [1, 'e1', 'order.created', 'DEAD_LETTER', day(2)],
    [0, 'e2', 'Order.Created', 'PENDING', day(3)],
    [1, 'e2', 'invoice.paid', 'FAILED_RETRY', day(4)],
    [0, 'e3', 'invoice.paid', 'PAUSED', day(5)],
  ];
  for (const [webhook, event, type, status, createdAt] of rows) {
    const id = ulid(Date.parse(createdAt));
    ids.unshift(id);
    await system.database.query(
      `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, '2030-01-01', $7)`,
      [id, tenant.id, webhookIds[webhook], event, type, status, createdAt],
    );
  }
  await system.database.query(
    `UPDATE hook.deliveries SET reason = 'EXHAUSTED', attempts = 6, replay_no = 1, last_status_code = 503,
       last_error = 'HTTP 503: Service Unavailable', completed_at = $2 WHERE id = $1`,
    [ids[3], day(6)],
  );
});

afterAll(() => system.stop());

const get = (path: string) => system.call('GET', path, { token: tenant.token });
const list = (query = '') => get(`/v1/deliveries${query}`);
const idsOf = ({ body }: ApiAnswer): string[] => body.data.map(({ id }: { id: string }) => id);

/** Follows the cursors to the end. */
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

describe('GET /v1/deliveries: 200', () => {
  it('lists the newest first', async () => {
    const answer = await list();

    expect(idsOf(answer)).toEqual(ids);
    expect(answer.body).toMatchObject({ error: null, pagination: { limit: 20, next_cursor: null } });
  });

  it.each<[string, () => string, number[]]>([
    ['by webhook', () => `?webhook_id=${webhookIds[0]}`, [0, 2, 4]],
    ['by a webhook that is not there', () => `?webhook_id=${newId()}`, []],
    ['by event', () => '?event_id=e1', [3, 4]],
    ['by an event id that looks like SQL', () => `?event_id=${encodeURIComponent("'OR'1'='1")}`, []],
    ['by event type, whatever its case', () => '?event_type=ORDER.created', [2, 3, 4]],
    ['by status', () => '?status=DEAD_LETTER', [3]],
    ['from a time on', () => `?from=${day(3)}`, [0, 1, 2]],
    ['up to a time, without it', () => `?to=${day(3)}`, [3, 4]],
    ['by a span', () => `?from=${day(2)}&to=${day(4)}`, [2, 3]],
    ['by a span that ends before it begins', () => `?from=${day(4)}&to=${day(2)}`, []],
    [
      'by all of them',
      () => `?webhook_id=${webhookIds[1]}&event_id=e2&status=FAILED_RETRY&event_type=invoice.paid`,
      [1],
    ],
  ])('filters %s', async (_what, query, positions) => {
    expect(idsOf(await list(query()))).toEqual(positions.map((at) => ids[at]));
  });

  it('pages without gaps or repeats', async () => {
    expect(await allPages('/v1/deliveries?limit=2', 'id')).toEqual({ found: ids, pages: 3 });
    expect(await allPages('/v1/deliveries?limit=1', 'id')).toEqual({ found: ids, pages: 5 });
    expect(await allPages('/v1/deliveries?limit=5', 'id')).toEqual({ found: ids, pages: 1 });
  });

  it('pages within a filter', async () => {
    const path = `/v1/deliveries?limit=1&webhook_id=${webhookIds[0]}`;

    expect(await allPages(path, 'id')).toEqual({ found: [ids[0], ids[2], ids[4]], pages: 3 });
  });

  it('shows no row twice when new ones come in between', async () => {
    const owner = await system.createTenant();
    await system.createWebhook(owner, { url: 'https://example.com/' });
    const [first, second] = [await system.publish(owner), await system.publish(owner)].flat();
    const page = (query: string) => system.call('GET', `/v1/deliveries?limit=1${query}`, { token: owner.token });

    const before = await page('');
    await system.publish(owner);
    const after = await page(`&cursor=${before.body.pagination.next_cursor}`);

    expect([...idsOf(before), ...idsOf(after)]).toEqual([second, first]);
  });
});

describe('GET /v1/deliveries?from=&to=', () => {
  it.each([
    ['later', 4],
    ['earlier', -4],
  ])('goes by the time in the database, though the id was made minutes %s', async (_what, minutes) => {
    const owner = await system.createTenant();
    const [from, at, to] = [
      '2026-02-01T12:00:00.000Z',
      '2026-02-01T12:00:00.000Z',
      '2026-02-01T12:00:00.001Z',
    ] as const;
    const id = ulid(Date.parse(at) + minutes * 60_000);
    await system.database.query(
      `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at)
       VALUES ($1, $2, $3, 'e', 'a', 'SUCCESS', '2030-01-01', $4)`,
      [id, owner.id, newId(), at],
    );
    const found = async (query: string) =>
      idsOf(await system.call('GET', `/v1/deliveries?${query}`, { token: owner.token }));

    expect(await found(`from=${from}&to=${to}`)).toEqual([id]);
    expect(await found(`from=${to}`)).toEqual([]);
    expect(await found(`to=${at}`)).toEqual([]);
  });

  it.each(['1970-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])('takes the time %s', async (time) => {
    expect((await list(`?from=${time}`)).status).toBe(200);
    expect((await list(`?to=${time}`)).status).toBe(200);
  });
});

describe('GET /v1/deliveries: 400', () => {
  it.each([
    ['?cursor=', 'cursor'],
    ['?cursor=abc', 'cursor'],
    ['?cursor=%00', 'cursor'],
    [`?cursor=${Buffer.from("01ARZ3NDEKTSV4RRFFQ69G5FAV' OR 1=1").toString('base64url')}`, 'cursor'],
    [`?cursor=${'x'.repeat(513)}`, 'cursor'],
    ['?cursor=a&cursor=b', 'cursor'],
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?offset=1', 'offset'],
    ['?webhook_id=abc', 'webhook_id'],
    ['?event_id=a%2Fb', 'event_id'],
    ['?event_id=%00', 'event_id'],
    ['?event_id=', 'event_id'],
    ['?event_type=a..b', 'event_type'],
    ['?event_type=*', 'event_type'],
    ['?status=success', 'status'],
    ['?status=', 'status'],
    ['?from=yesterday', 'from'],
    ['?from=2026-01-31', 'from'],
    ['?from=1969-12-31T23:59:59Z', 'from'],
    ['?to=2016-12-31T23:59:60Z', 'to'],
    ['?to=', 'to'],
    ['?colour=red', 'colour'],
    ['?__proto__=x', '__proto__'],
  ])('refuses %.70s and names the parameter', async (query, field) => {
    expectRefusal(await list(query), 400, 'VALIDATION_ERROR', field);
  });
});

describe('GET /v1/deliveries/:id', () => {
  it('is 200 with all of it', async () => {
    const answer = await get(`/v1/deliveries/${ids[3]}`);

    expectData(answer, 200);
    expect(answer.body.data).toEqual({
      id: ids[3],
      webhook_id: webhookIds[1],
      event_id: 'e1',
      event_type: 'order.created',
      status: 'DEAD_LETTER',
      reason: 'EXHAUSTED',
      attempts: 6,
      replay_no: 1,
      next_attempt_at: null,
      last_status_code: 503,
      last_error: 'HTTP 503: Service Unavailable',
      workflow_id: `delivery:${ids[3]}`,
      created_at: day(2),
      completed_at: day(6),
    });
  });

  it.each(['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'abc', '%00', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', 'x'.repeat(600)])(
    'is 404 for the id %.30s, and so are its attempts',
    async (id) => {
      expectRefusal(await get(`/v1/deliveries/${id}`), 404, 'NOT_FOUND');
      expectRefusal(await get(`/v1/deliveries/${id}/attempts`), 404, 'NOT_FOUND');
    },
  );
});

describe('GET /v1/deliveries/:id/attempts', () => {
  const path = () => `/v1/deliveries/${ids[0]}/attempts`;

  beforeAll(async () => {
    await system.database.query(
      `INSERT INTO hook.delivery_attempts
         (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number, replay_no, trigger, outcome,
          http_status_code, error_code, error_message, response_body_preview, duration_ms, attempted_at)
       SELECT '2026-01-05', $1, 'run', n, $2, $3, n, n / 4, 'schedule', CASE n WHEN 7 THEN 'success' ELSE 'retry' END,
              CASE n WHEN 7 THEN 204 END, CASE n WHEN 7 THEN NULL ELSE 'timeout' END,
              CASE n WHEN 7 THEN NULL ELSE 'timed out' END, CASE n WHEN 7 THEN 'ok' END, n * 10,
              timestamptz '2026-01-05T00:00:00Z' + n * interval '1 second'
       FROM generate_series(1, 7) AS n`,
      [ids[0], tenant.id, webhookIds[0]],
    );
  });

  it('is 200 with every attempt, the newest first', async () => {
    const { body } = await get(path());

    expect(body.data.map(({ attempt_number: n }: { attempt_number: number }) => n)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(body.data.slice(0, 2)).toEqual([
      {
        attempt_number: 7,
        replay_no: 1,
        outcome: 'success',
        http_status_code: 204,
        error_code: null,
        error_message: null,
        response_body_preview: 'ok',
        duration_ms: 70,
        attempted_at: '2026-01-05T00:00:07.000Z',
      },
      {
        attempt_number: 6,
        replay_no: 1,
        outcome: 'retry',
        http_status_code: null,
        error_code: 'timeout',
        error_message: 'timed out',
        response_body_preview: null,
        duration_ms: 60,
        attempted_at: '2026-01-05T00:00:06.000Z',
      },
    ]);
    expect(body.pagination).toEqual({ limit: 20, next_cursor: null });
  });

  it('is 200 with an empty list before the first attempt', async () => {
    const { body } = await get(`/v1/deliveries/${ids[1]}/attempts`);

    expect(body).toMatchObject({ data: [], pagination: { next_cursor: null } });
  });

  it('pages without gaps or repeats', async () => {
    const pages = await allPages(`${path()}?limit=3`, 'attempt_number');

    expect(pages).toEqual({ found: [7, 6, 5, 4, 3, 2, 1], pages: 3 });
  });

  it.each([
    ['?cursor=abc', 'cursor'],
    [`?cursor=${Buffer.from('9999999999').toString('base64url')}`, 'cursor'],
    [`?cursor=${Buffer.from('-1').toString('base64url')}`, 'cursor'],
    ['?limit=0', 'limit'],
    ['?page=1', 'page'],
  ])('is 400 for %s', async (query, field) => {
    expectRefusal(await get(path() + query), 400, 'VALIDATION_ERROR', field);
  });
});
