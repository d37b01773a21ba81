import { newId } from '../../src/domain/ids';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
const webhookIds: string[] = [];
/** By the day on which they became dead letters, the latest first. */
const ids: string[] = [];
const day = (n: number) => `2026-02-0${n}T00:00:00.000Z`;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  for (const event of ['order.created', 'invoice.paid']) {
    webhookIds.push((await system.createWebhook(tenant, { url: 'https://example.com/', event })).id);
  }
  for (let n = 1; n <= 4; n++) {
    const [id = ''] = await system.publish(tenant, { type: n % 2 === 1 ? 'order.created' : 'invoice.paid' });
    ids.unshift(id);
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'DEAD_LETTER', reason = 'EXHAUSTED', attempts = 6, completed_at = $2,
         created_at = $3, last_error = 'HTTP 503: Service Unavailable', claimed_by = NULL, claimed_until = NULL
       WHERE id = $1`,
      [id, day(n), day(1)],
    );
  }
  // Not dead letters, or no longer.
  await system.publish(tenant);
  const [resolved] = await system.publish(tenant);
  await system.database.query(
    `UPDATE hook.deliveries SET status = 'DEAD_LETTER', reason = 'GONE', completed_at = now(), resolved_at = now()
     WHERE id = $1`,
    [resolved],
  );
});

afterAll(() => system.stop());

const call = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) =>
  system.call(method, path, { token: tenant.token, body });
const idsOf = ({ body }: ApiAnswer): string[] => body.data.map(({ delivery_id: id }: { delivery_id: string }) => id);

/** One more, of a tenant of its own. */
async function another(): Promise<{ owner: TestTenant; id: string; webhookId: string }> {
  const owner = await system.createTenant();
  const { id: webhookId } = await system.createWebhook(owner, { url: 'https://example.com/' });
  const [id = ''] = await system.publish(owner);
  await system.ctx.deliveryEnds.record(id, 'run-0', 'REJECTED', 0);
  return { owner, id, webhookId };
}

describe('GET /v1/dlq: 200', () => {
  it('lists them, the latest first, with all that is known of each', async () => {
    const answer = await call('GET', '/v1/dlq');

    expect(idsOf(answer)).toEqual(ids);
    expect(answer.body).toMatchObject({ error: null, pagination: { limit: 20, offset: 0, total: 4 } });
    expect(answer.body.data[0]).toEqual({
      delivery_id: ids[0],
      webhook_id: webhookIds[1],
      event_id: expect.any(String),
      event_type: 'invoice.paid',
      reason: 'EXHAUSTED',
      last_error: 'HTTP 503: Service Unavailable',
      attempts: 6,
      created_at: day(1),
      dead_lettered_at: day(4),
    });
  });

  it.each<[string, () => string, number[], number]>([
    ['by webhook', () => `?webhook_id=${webhookIds[0]}`, [1, 3], 2],
    ['from a time on', () => `?from=${day(3)}`, [0, 1], 2],
    ['up to a time, without it', () => `?to=${day(3)}`, [2, 3], 2],
    ['by all of them', () => `?webhook_id=${webhookIds[1]}&from=${day(1)}&to=${day(4)}`, [2], 1],
    ['by a webhook that is not there', () => `?webhook_id=${newId()}`, [], 0],
    ['a page by offset', () => '?limit=2&offset=1', [1, 2], 4],
    ['a page by its number', () => '?limit=3&page=2', [3], 4],
  ])('lists %s', async (_what, query, positions, total) => {
    const answer = await call('GET', `/v1/dlq${query()}`);

    expect(idsOf(answer)).toEqual(positions.map((at) => ids[at]));
    expect(answer.body.pagination.total).toBe(total);
  });

  it('answers without /v1', async () => {
    expect(idsOf(await call('GET', '/dlq'))).toEqual(ids);
  });

  it.each([
    ['?webhook_id=x', 'webhook_id'],
    ['?from=yesterday', 'from'],
    ['?limit=0', 'limit'],
    ['?cursor=x', 'cursor'],
    ['?page=2&offset=1', 'page'],
  ])('is 400 for %s', async (query, field) => {
    expectRefusal(await call('GET', `/v1/dlq${query}`), 400, 'VALIDATION_ERROR', field);
  });
});

describe('GET /v1/dlq/webhook/:id', () => {
  it('is 200 with those of the webhook, also after it was deleted', async () => {
    const { owner, id, webhookId } = await another();
    const path = `/v1/dlq/webhook/${webhookId}`;

    const before = await system.call('GET', path, { token: owner.token });
    await system.call('DELETE', `/v1/webhooks/${webhookId}`, { token: owner.token });
    const after = await system.call('GET', path, { token: owner.token });

    expect(idsOf(before)).toEqual([id]);
    expect(after.body).toEqual(before.body);
    expect(after.body.pagination).toEqual({ limit: 20, offset: 0, total: 1 });
  });

  it('is 404 without such a webhook, and 400 for a webhook_id beside it', async () => {
    expectRefusal(await call('GET', `/v1/dlq/webhook/${newId()}`), 404, 'NOT_FOUND');
    expectRefusal(
      await call('GET', `/v1/dlq/webhook/${webhookIds[0]}?webhook_id=${webhookIds[0]}`),
      400,
      'VALIDATION_ERROR',
      'webhook_id',
    );
  });
});

describe('POST /v1/dlq/:delivery_id/retry', () => {
  it('is 202, opens the next replay and takes it off the list', async () => {
    const { owner, id } = await another();

    const answer = await system.call('POST', `/v1/dlq/${id}/retry`, { token: owner.token });

    expect(answer.status).toBe(202);
    expect(answer.body.data).toEqual({ message: 'Delivery requeued', delivery_id: id });
    expect(await system.delivery(owner, id)).toMatchObject({ status: 'PENDING', replay_no: 1 });
    expect((await system.call('GET', '/v1/dlq', { token: owner.token })).body.pagination.total).toBe(0);
    const again = await system.call('POST', `/v1/dlq/${id}/retry`, { token: owner.token });
    expectRefusal(again, 404, 'NOT_FOUND');
  });

  it('is 404 for a delivery that is no dead letter', async () => {
    const [id = ''] = await system.publish(tenant);

    expectRefusal(await call('POST', `/v1/dlq/${id}/retry`), 404, 'NOT_FOUND');
    expectRefusal(await call('POST', `/v1/dlq/${newId()}/retry`), 404, 'NOT_FOUND');
  });

  it('is 409 when the webhook was deleted', async () => {
    const { owner, id, webhookId } = await another();
    await system.call('DELETE', `/v1/webhooks/${webhookId}`, { token: owner.token });

    expectRefusal(await system.call('POST', `/v1/dlq/${id}/retry`, { token: owner.token }), 409, 'INVALID_STATE');
  });
});

describe('DELETE /v1/dlq/:delivery_id', () => {
  it('is 204: it leaves the list, stays a delivery that can be replayed, and says who did it', async () => {
    const { owner, id } = await another();

    const answer = await system.call('DELETE', `/v1/dlq/${id}`, { token: owner.token });

    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await system.call('GET', '/v1/dlq', { token: owner.token })).body.data).toEqual([]);
    expect(await system.delivery(owner, id)).toMatchObject({ status: 'DEAD_LETTER', reason: 'REJECTED' });
    expect(
      await system.database.query(
        `SELECT resolved_by, resolved_at IS NOT NULL AS resolved, a.action, a.actor
         FROM hook.deliveries d JOIN hook.audit_logs a ON a.target = 'delivery:' || d.id WHERE d.id = $1`,
        [id],
      ),
    ).toEqual([
      {
        resolved_by: `client:${owner.clientId}`,
        resolved: true,
        action: 'delivery.resolved',
        actor: `client:${owner.clientId}`,
      },
    ]);
    const path = `/v1/deliveries/${id}/replay`;
    expect((await system.call('POST', path, { token: owner.token })).status).toBe(202);
  });

  it('is 404 the second time, as is its retry', async () => {
    const { owner, id } = await another();
    await system.call('DELETE', `/dlq/${id}`, { token: owner.token });

    expectRefusal(await system.call('DELETE', `/v1/dlq/${id}`, { token: owner.token }), 404, 'NOT_FOUND');
    expectRefusal(await system.call('POST', `/v1/dlq/${id}/retry`, { token: owner.token }), 404, 'NOT_FOUND');
  });

  it('is 404 for a delivery that is no dead letter', async () => {
    const [id = ''] = await system.publish(tenant);

    expectRefusal(await call('DELETE', `/v1/dlq/${id}`), 404, 'NOT_FOUND');
  });
});

describe('the list', () => {
  beforeAll(async () => {
    await system.database.query(
      `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, completed_at)
       SELECT $1 || n, 'many', 'w' || n % 20, 'e' || n, 'a', CASE n % 10 WHEN 0 THEN 'DEAD_LETTER' ELSE 'SUCCESS' END,
              now(), now() - n * interval '1 second'
       FROM generate_series(1, 20000) n`,
      [newId()],
    );
    await system.database.query('ANALYZE hook.deliveries');
  });

  it.each([
    ['of a tenant', 'deliveries_dead_by_tenant', "tenant_id = 'many'"],
    ['of a webhook', 'deliveries_dead_by_webhook', "tenant_id = 'many' AND webhook_id = 'w10'"],
  ])('%s is read from its index, in order', async (_what, index, where) => {
    const plan = await system.database.query(
      `EXPLAIN SELECT event_id FROM hook.deliveries WHERE ${where} AND status = 'DEAD_LETTER' AND resolved_at IS NULL
       ORDER BY completed_at DESC, id DESC LIMIT 20`,
    );

    expect(JSON.stringify(plan)).toContain(`Index Scan Backward using ${index}`);
    expect(JSON.stringify(plan)).not.toContain('Sort');
  });
});
