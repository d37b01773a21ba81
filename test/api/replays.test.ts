/** Replays of many deliveries, as they are asked for and read; test/e2e/webhook-control.test.ts works them off. */
import { Client } from 'pg';
import { newId } from '../../src/domain/ids';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;

const since = '2026-01-01T00:00:00Z';

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
  webhookId = (await system.createWebhook(tenant, { url: 'https://example.com/' })).id;
});

afterAll(() => system.stop());

const call = (method: 'GET' | 'POST', path: string, body?: unknown): Promise<ApiAnswer> =>
  system.call(method, path, { token: tenant.token, body });
const replay = (body: object): Promise<ApiAnswer> => call('POST', `/v1/webhooks/${webhookId}/replay`, body);
const claim = { by: 'a process', forMs: 60_000 };

/** @returns their ids, in the order in which they were made */
async function deadLetters(count: number, type = 'order.created'): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(...(await system.publish(tenant, { type })));
  for (const id of ids) await system.ctx.deliveryEnds.record(id, 'run', 'EXHAUSTED', 0);
  return ids;
}

async function stepTo(id: string): Promise<ApiAnswer['body']> {
  return (await call('GET', `/v1/replays/${id}`)).body.data;
}

describe('202', () => {
  it('keeps the replay as it was asked for, and tells how many it found', async () => {
    await deadLetters(3);

    const { status, body } = await replay({ since, until: '2999-01-01T00:00:00Z', event_types: ['order.*'], limit: 2 });

    expect(status).toBe(202);
    expect(body.data).toEqual({ replay_id: expect.any(String), matched: 2 });
    expect(await stepTo(body.data.replay_id)).toEqual({
      id: body.data.replay_id,
      webhook_id: webhookId,
      filter: {
        since: '2026-01-01T00:00:00.000Z',
        until: '2999-01-01T00:00:00.000Z',
        dead_lettered_from: null,
        dead_lettered_to: null,
        status: 'DEAD_LETTER',
        event_types: ['order.*'],
        limit: 2,
      },
      matched: 2,
      done: 0,
      failed: 0,
      state: 'pending',
      created_at: expect.any(String),
      completed_at: null,
    });
    const audit = await system.database.query<{ actor: string; details: { matched: number } }>(
      `SELECT actor, details FROM hook.audit_logs WHERE tenant_id = $1 AND action = 'webhook.replayed'`,
      [tenant.id],
    );
    expect(audit).toMatchObject([{ actor: `client:${tenant.clientId}`, details: { matched: 2 } }]);
  });

  it.each([
    ['a webhook', () => `/v1/webhooks/${webhookId}/replay`, { since }],
    ['dead letters', () => '/v1/dlq/retry', {}],
  ])('of %s lets attempts be recorded while it counts', async (_what, path, body) => {
    await deadLetters(1);
    const counting = await system.ctx.workerPool.connect();
    await counting.query('BEGIN');
    const holder = new Client({ connectionString: system.database.ownerUrl });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE hook.deliveries IN ACCESS EXCLUSIVE MODE');
    const answer = call('POST', path(), body);
    await waitFor(async () => {
      const waiting = await system.database.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    }, 'the deliveries to be counted');

    // The lock that the record of a failed attempt takes.
    const recording = counting.query('SELECT 1 FROM hook.webhook_configs WHERE id = $1 FOR NO KEY UPDATE NOWAIT', [
      webhookId,
    ]);
    const recorded = await recording.then(
      () => true,
      () => false,
    );
    await counting.query('ROLLBACK');
    counting.release();
    await holder.query('ROLLBACK');
    await holder.end();

    expect(await answer).toMatchObject({ status: 202, body: { data: { matched: 1 } } });
    expect(recorded).toBe(true);
  });

  it('cancels: what was set in motion goes on, the rest stays', async () => {
    const ids = await deadLetters(3);
    const { replay_id: id } = (await replay({ since })).body.data;
    await system.ctx.replayRuns.step(webhookId, claim, 1);

    const answer = await call('POST', `/v1/replays/${id}/cancel`);
    const next = await system.ctx.replayRuns.step(webhookId, claim, 1);

    expect(answer).toMatchObject({ status: 202, body: { data: { state: 'cancelled', done: 1, matched: 3 } } });
    expect(next).toBeUndefined();
    const statuses = await Promise.all(ids.map(async (each) => (await system.delivery(tenant, each)).status));
    expect(statuses).toEqual(['PENDING', 'DEAD_LETTER', 'DEAD_LETTER']);
  });

  it('retries dead letters by the time at which they died, of webhooks that are not disabled', async () => {
    const [early] = await deadLetters(1);
    const [, late = ''] = await deadLetters(2);
    const { dead_lettered_at: from } = (await call('GET', '/v1/dlq')).body.data.find(
      ({ delivery_id }: { delivery_id: string }) => delivery_id === late,
    );
    const disabled = await system.createWebhook(tenant, { url: 'https://example.com/b', event_types: ['b'] });
    await deadLetters(1, 'b');
    await system.call('PATCH', `/v1/webhooks/${disabled.id}`, { token: tenant.token, body: { is_active: false } });

    const dry = await call('POST', '/v1/dlq/retry', { from, webhook_id: webhookId, dry_run: true });
    const { status, body } = await call('POST', '/v1/dlq/retry', {});

    expect(dry).toMatchObject({ status: 200 });
    expect(dry.body.data.matched).toBeGreaterThanOrEqual(1);
    expect(dry.body.data.matched).toBeLessThan(5);
    expect(status).toBe(202);
    expect(body.data).toEqual({ matched: 4, replay_ids: [expect.any(String)] });
    expect(early).toBeDefined();
  });
});

describe('a page of a replay', () => {
  it('sends the oldest first, and each once', async () => {
    const ids = await deadLetters(5);
    const { replay_id: id } = (await replay({ since })).body.data;

    const pages = [];
    for (let i = 0; i < 4; i++) pages.push(await system.ctx.replayRuns.step(webhookId, claim, 2));

    expect(pages.map((page) => page?.claimed.map((delivery) => delivery.id))).toEqual([
      ids.slice(0, 2),
      ids.slice(2, 4),
      ids.slice(4),
      undefined,
    ]);
    expect(pages[0]?.claimed[0]).toMatchObject({ replayNo: 1, started: false, tenantId: tenant.id });
    expect(await stepTo(id)).toMatchObject({ state: 'completed', done: 5, failed: 0 });
  });

  it('leaves out what was resolved or replayed one by one meanwhile, and counts it as failed', async () => {
    const [first = '', second = '', third = ''] = await deadLetters(3);
    const { replay_id: id } = (await replay({ since })).body.data;
    await call('POST', `/v1/dlq/${first}/retry`);
    await system.call('DELETE', `/v1/dlq/${second}`, { token: tenant.token });

    const page = await system.ctx.replayRuns.step(webhookId, claim, 10);

    expect(page?.claimed.map((delivery) => delivery.id)).toEqual([third]);
    expect(await stepTo(id)).toMatchObject({ state: 'completed', done: 1, failed: 2 });
  });

  it('does not take what has become a dead letter since', async () => {
    await deadLetters(1);
    await replay({ since, limit: 10 });
    await system.ctx.replayRuns.step(webhookId, claim, 1);
    const [fresh = ''] = await deadLetters(1);

    await system.ctx.replayRuns.step(webhookId, claim, 10);

    expect((await system.delivery(tenant, fresh)).status).toBe('DEAD_LETTER');
  });

  it('takes only the types that are asked for, an underscore being no wildcard', async () => {
    await deadLetters(1, 'orders.made');
    await deadLetters(1, 'orderXmade.a');
    const [matching] = await deadLetters(1, 'Order_made.a');

    await replay({ since, event_types: ['order_made.*'] });
    const page = await system.ctx.replayRuns.step(webhookId, claim, 10);

    expect(page?.claimed.map(({ id }) => id)).toEqual([matching]);
  });

  it('calls the replay off when the webhook was disabled since, also when it is enabled again', async () => {
    await deadLetters(2);
    const { replay_id: id } = (await replay({ since })).body.data;
    for (const is_active of [false, true]) {
      await system.call('PATCH', `/v1/webhooks/${webhookId}`, { token: tenant.token, body: { is_active } });
    }

    const page = await system.ctx.replayRuns.step(webhookId, claim, 10);

    expect(page?.claimed).toEqual([]);
    expect(await stepTo(id)).toMatchObject({ state: 'cancelled', done: 0 });
  });

  it('is the work of one process at a time', async () => {
    const ids = await deadLetters(6);
    await replay({ since });

    const pages = await Promise.all(Array.from({ length: 3 }, () => system.ctx.replayRuns.step(webhookId, claim, 2)));

    const taken = pages.flatMap((page) => page?.claimed.map(({ id }) => id) ?? []);
    expect(taken.toSorted()).toEqual(ids);
  });
});

describe('200', () => {
  it('counts without replaying anything in a dry run', async () => {
    const ids = await deadLetters(2);

    const { status, body } = await replay({ since, dry_run: true });

    expect(status).toBe(200);
    expect(body.data).toEqual({ matched: 2 });
    expect((await call('GET', '/v1/replays')).body.data).toEqual([]);
    expect((await system.delivery(tenant, ids[0] ?? '')).status).toBe('DEAD_LETTER');
  });

  it('lists replays page by page, the newest first', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.unshift((await replay({ since })).body.data.replay_id);

    const first = await call('GET', '/v1/replays?limit=2');
    const second = await call('GET', `/v1/replays?limit=2&cursor=${first.body.pagination.next_cursor}`);

    const listed = [first, second].map(({ body }) => body.data.map(({ id }: { id: string }) => id));
    expect(listed).toEqual([ids.slice(0, 2), ids.slice(2)]);
    expect(second.body.pagination.next_cursor).toBeNull();
  });
});

describe('400', () => {
  it.each([
    ['since', {}],
    ['since', { since: 'yesterday' }],
    ['since', { since: '2999-01-01T00:00:00Z' }],
    ['until', { since, until: '2025-01-01T00:00:00Z' }],
    ['status', { since, status: 'PENDING' }],
    ['event_types', { since, event_types: [] }],
    ['limit', { since, limit: 100_001 }],
    ['form', { since, form: 1 }],
  ])('names %s when it is wrong: %j', async (field, body) => {
    expectRefusal(await replay(body), 400, 'VALIDATION_ERROR', field);
  });
});

describe('404', () => {
  it('is the answer for what is not there', async () => {
    expectRefusal(await call('POST', `/v1/webhooks/${newId()}/replay`, { since }), 404, 'NOT_FOUND');
    expectRefusal(await call('GET', `/v1/replays/${newId()}`), 404, 'NOT_FOUND');
    expectRefusal(await call('POST', `/v1/replays/${newId()}/cancel`), 404, 'NOT_FOUND');
    expectRefusal(await call('POST', '/v1/dlq/retry', { webhook_id: newId() }), 404, 'NOT_FOUND');
  });
});

describe('409', () => {
  it('refuses a replay to a disabled webhook', async () => {
    await system.call('PATCH', `/v1/webhooks/${webhookId}`, { token: tenant.token, body: { is_active: false } });

    expectRefusal(await replay({ since }), 409, 'INVALID_STATE');
    expectRefusal(await replay({ since, dry_run: true }), 409, 'INVALID_STATE');
  });

  it('refuses to cancel what has ended', async () => {
    const { replay_id: id } = (await replay({ since })).body.data;
    await system.ctx.replayRuns.step(webhookId, claim, 1);

    expectRefusal(await call('POST', `/v1/replays/${id}/cancel`), 409, 'INVALID_STATE');
  });
});
