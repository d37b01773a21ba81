/** max_queue_size: what a full queue does not take is a dead letter, and an event that none takes is refused. */
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
  // It is queues that are to be full here.
  await system.database.query('UPDATE hook.quotas SET max_events_per_sec = 100000 WHERE tenant_id = $1', [tenant.id]);
});

afterAll(() => system.stop());

const url = 'https://example.com/';
const event = { type: 'order.created', payload: { n: 1 } };

const webhook = async (settings: object): Promise<string> =>
  (await system.createWebhook(tenant, { url, ...settings })).id;

const post = (body: object = {}, headers: Record<string, string> = {}, on = system): Promise<ApiAnswer> =>
  on.call('POST', '/v1/events', { token: tenant.token, body: { ...event, ...body }, headers });

const call = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
  system.call(method, path, { token: tenant.token, body });

/** How many deliveries of the webhook have this status. */
async function countOf(webhookId: string, status: string): Promise<number> {
  const [row] = await system.database.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM hook.deliveries WHERE webhook_id = $1 AND status = $2',
    [webhookId, status],
  );
  return row?.n ?? -1;
}

async function eventCount(): Promise<number> {
  const [row] = await system.database.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM hook.events WHERE tenant_id = $1',
    [tenant.id],
  );
  return row?.n ?? -1;
}

/** As if they had been delivered. */
const drain = (webhookId: string) =>
  system.database.query(
    `UPDATE hook.deliveries SET status = 'SUCCESS', completed_at = now(), claimed_by = NULL, claimed_until = NULL
     WHERE webhook_id = $1 AND status = 'PENDING'`,
    [webhookId],
  );

describe('a full queue beside one that is not: 202', () => {
  it('gets the delivery as a dead letter QUEUE_FULL, and the other its delivery', async () => {
    const small = await webhook({ max_queue_size: 2 });
    const large = await webhook({});
    await post();
    await post();

    const { status, body } = await post();

    expect(status).toBe(202);
    expect(body.data).toMatchObject({ webhooks_queued: 1, delivery_ids: [expect.any(String), expect.any(String)] });
    expect([await countOf(small, 'PENDING'), await countOf(large, 'PENDING')]).toEqual([2, 3]);
    const dlq = await call('GET', '/v1/dlq');
    expect(dlq.body.data).toEqual([
      {
        delivery_id: expect.any(String),
        webhook_id: small,
        event_id: body.data.id,
        event_type: 'order.created',
        reason: 'QUEUE_FULL',
        last_error: "The webhook's queue was full (max_queue_size 2).",
        attempts: 0,
        created_at: expect.any(String),
        dead_lettered_at: expect.any(String),
      },
    ]);
    expect(body.data.delivery_ids).toContain(dlq.body.data[0].delivery_id);
  });

  it('leaves a dead letter that nobody has claimed and nobody starts', async () => {
    const small = await webhook({ max_queue_size: 1 });
    await webhook({});
    await post();
    await post();

    const rows = await system.database.query(
      `SELECT claimed_by, claimed_until, run_id, attempts FROM hook.deliveries
       WHERE webhook_id = $1 AND status = 'DEAD_LETTER'`,
      [small],
    );

    expect(rows).toEqual([{ claimed_by: null, claimed_until: null, run_id: null, attempts: 0 }]);
  });

  it('is told apart from others in metrics', async () => {
    await webhook({ max_queue_size: 1 });
    await webhook({});
    const counted = async () =>
      (await system.ctx.telemetry.metrics.ended.get()).values.find(({ labels }) => labels['reason'] === 'QUEUE_FULL')
        ?.value ?? 0;
    await post();
    const before = await counted();

    await post();

    expect(await counted()).toBe(before + 1);
  });

  it('can be replayed, also while the queue is full, and resolved', async () => {
    const small = await webhook({ max_queue_size: 1 });
    await webhook({});
    for (let n = 0; n < 3; n++) await post();
    const [first, second] = (await call('GET', '/v1/dlq')).body.data;

    const retried = await call('POST', `/v1/dlq/${first.delivery_id}/retry`);
    const resolved = await call('DELETE', `/v1/dlq/${second.delivery_id}`);

    expect([retried.status, resolved.status]).toEqual([202, 204]);
    expect(await system.delivery(tenant, first.delivery_id)).toMatchObject({
      status: 'PENDING',
      reason: null,
      last_error: null,
      replay_no: 1,
    });
    expect(await countOf(small, 'PENDING')).toBe(2);
    expect((await call('GET', '/v1/dlq')).body.pagination.total).toBe(0);
  });
});

describe('an event that no queue takes: 429', () => {
  it('is QUEUE_FULL with Retry-After, and nothing of it is stored', async () => {
    const ids = [await webhook({ max_queue_size: 1 }), await webhook({ max_queue_size: 1 })];
    await post();

    const answer = await post();

    expectRefusal(answer, 429, 'QUEUE_FULL');
    expect(answer.body.error.details).toEqual({ limit: 1, remaining: 0, reset: 1 });
    expect(answer.headers['retry-after']).toBe('1');
    expect(await eventCount()).toBe(1);
    expect(await Promise.all(ids.map((id) => countOf(id, 'DEAD_LETTER')))).toEqual([0, 0]);
  });

  it('looks only at the webhooks that want the event', async () => {
    await webhook({ max_queue_size: 1, event_types: ['order.*'] });
    await webhook({ event_types: ['invoice.*'] });
    await post();

    expectRefusal(await post(), 429, 'QUEUE_FULL');
    expect((await post({ type: 'invoice.paid' })).status).toBe(202);
    expect((await post({ type: 'nobody.wants_this' })).body.data.webhooks_queued).toBe(0);
  });

  it('counts what waits for a paused webhook', async () => {
    const id = await webhook({ max_queue_size: 2 });
    await post();
    await post();
    await system.database.query("UPDATE hook.deliveries SET status = 'PAUSED' WHERE webhook_id = $1", [id]);

    expectRefusal(await post(), 429, 'QUEUE_FULL');
  });

  it('is answered to a test delivery as well', async () => {
    const id = await webhook({ max_queue_size: 1, event_types: ['nothing.else'] });
    expect((await call('POST', `/v1/webhooks/${id}/test`)).status).toBe(202);

    expectRefusal(await call('POST', `/v1/webhooks/${id}/test`), 429, 'QUEUE_FULL');
  });

  it('ends when deliveries have gone out', async () => {
    const id = await webhook({ max_queue_size: 3 });
    for (let n = 0; n < 3; n++) await post();
    expectRefusal(await post(), 429, 'QUEUE_FULL');

    await drain(id);

    await waitFor(async () => (await post()).status === 202, 'the queue to take events again');
    await post();
    await post();
    expectRefusal(await post(), 429, 'QUEUE_FULL');
    expect(await countOf(id, 'PENDING')).toBe(3);
  });

  it('ends at once when max_queue_size is raised, and begins at once when it is lowered', async () => {
    const id = await webhook({ max_queue_size: 1 });
    await post();
    expectRefusal(await post(), 429, 'QUEUE_FULL');

    await call('PATCH', `/v1/webhooks/${id}`, { max_queue_size: 2 });
    expect((await post()).status).toBe(202);
    expectRefusal(await post(), 429, 'QUEUE_FULL');

    await call('PATCH', `/v1/webhooks/${id}`, { max_queue_size: 100 });
    expect((await post()).status).toBe(202);
    await call('PATCH', `/v1/webhooks/${id}`, { max_queue_size: 3 });
    expectRefusal(await post(), 429, 'QUEUE_FULL');
  });
});

describe('an event that was accepted before', () => {
  it('is answered as then while every queue is full, by its id and by its key', async () => {
    await webhook({ max_queue_size: 2 });
    const byId = await post({ id: 'e1' });
    const byKey = await post({}, { 'idempotency-key': 'k1' });
    expectRefusal(await post(), 429, 'QUEUE_FULL');

    expect(await post({ id: 'e1' })).toMatchObject({ status: 202, body: byId.body });
    expect(await post({}, { 'idempotency-key': 'k1' })).toMatchObject({ status: 202, body: byKey.body });
    expectRefusal(await post({ id: 'e1', payload: 'other' }), 409, 'EVENT_ID_CONFLICT', 'id');
    expectRefusal(await post({ id: 'e2' }), 429, 'QUEUE_FULL');
  });

  it('is answered as then when a queue was full then, until the dead letter is replayed', async () => {
    await webhook({ max_queue_size: 1 });
    await webhook({});
    await post();
    const first = await post({ id: 'e1' });

    expect(first.body.data.webhooks_queued).toBe(1);
    expect((await post({ id: 'e1' })).body).toEqual(first.body);
    const [{ delivery_id: id }] = (await call('GET', '/v1/dlq')).body.data;
    await call('POST', `/v1/dlq/${id}/retry`);
    expect((await post({ id: 'e1' })).body.data).toEqual({ ...first.body.data, webhooks_queued: 2 });
  });

  it('takes no place in a queue', async () => {
    const id = await webhook({ max_queue_size: 3 });
    await post({ id: 'e1' });
    for (let n = 0; n < 10; n++) await post({ id: 'e1' });

    expect((await post()).status).toBe(202);
    expect((await post()).status).toBe(202);
    expect(await countOf(id, 'PENDING')).toBe(3);
  });
});

describe('a batch', () => {
  it('has each of its events accepted or refused on its own', async () => {
    const id = await webhook({ max_queue_size: 3, event_types: ['order.*'] });
    const events = [...Array.from({ length: 10 }, () => event), { ...event, type: 'invoice.paid' }];

    const { status, body } = await call('POST', '/v1/events/batch', { events });

    expect(status).toBe(202);
    const refused = body.data.filter(({ error }: { error?: object }) => error !== undefined);
    expect(refused).toHaveLength(7);
    expect(refused[0].error).toMatchObject({ code: 'QUEUE_FULL', details: { limit: 3, remaining: 0, reset: 1 } });
    expect(body.data[10]).toMatchObject({ webhooks_queued: 0 });
    expect([await countOf(id, 'PENDING'), await eventCount()]).toEqual([3, 4]);
  });
});

describe('many at once', () => {
  it.each([1, 10])('fill a queue of %i exactly', async (max) => {
    const id = await webhook({ max_queue_size: max });

    const answers = await Promise.all(Array.from({ length: 50 }, () => post()));

    expect(answers.filter(({ status }) => status === 202)).toHaveLength(max);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(50 - max);
    expect([await countOf(id, 'PENDING'), await eventCount()]).toEqual([max, max]);
  });

  it('through two processes overshoot by few', async () => {
    const id = await webhook({ max_queue_size: 50 });
    const second = await TestSystem.start({ after: system });
    try {
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, n) => post({}, {}, n % 2 === 0 ? system : second)),
      );

      const queued = await countOf(id, 'PENDING');
      expect(queued).toBe(answers.filter(({ status }) => status === 202).length);
      expect(queued).toBeGreaterThanOrEqual(50);
      // What one process has not committed yet the other cannot know: as many as it has connections at the most.
      expect(queued).toBeLessThanOrEqual(60);
      expectRefusal(await post({}, {}, second), 429, 'QUEUE_FULL');
      expectRefusal(await post(), 429, 'QUEUE_FULL');
    } finally {
      await second.stop({ keepData: true });
    }
  });
});

describe('counting', () => {
  it('reads the index of what did not succeed, and no more of it than the limit', async () => {
    await system.database.query(
      `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at)
       SELECT 'count-' || n, 'counted', 'counted-' || n % 2, 'e' || n, 'a',
              CASE WHEN n % 4 < 2 THEN 'PENDING' ELSE 'SUCCESS' END, now()
       FROM generate_series(1, 20000) n`,
    );
    await system.database.query('VACUUM ANALYZE hook.deliveries');

    const plan = await system.database.query(
      `EXPLAIN (ANALYZE) SELECT count(*) FROM (
         SELECT 1 FROM unnest(ARRAY['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED']) AS s (status)
         CROSS JOIN LATERAL (
           SELECT 1 FROM hook.deliveries d
           WHERE d.webhook_id = 'counted-0' AND d.status = s.status AND d.status <> 'SUCCESS' LIMIT 100
         ) one LIMIT 100
       ) queue`,
    );

    const text = JSON.stringify(plan);
    expect(text).toMatch(/Index Only Scan using deliveries_unsuccessful_by_webhook .*rows=100/);
    expect(text).not.toContain('Seq Scan');
  });

  it('is not done for each event of a queue far from its limit', async () => {
    await webhook({});
    await post();
    const query = jest.spyOn(system.ctx.workerPool, 'query');
    try {
      for (let n = 0; n < 20; n++) await post();

      const counts = query.mock.calls.filter((call: unknown[]) => JSON.stringify(call[0]).includes('countQueued'));
      expect(counts).toEqual([]);
      expect(query.mock.calls.length).toBeGreaterThan(20);
    } finally {
      query.mockRestore();
    }
  });
});
