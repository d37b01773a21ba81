/** What happens to deliveries whose webhook is paused or has as many POSTs in flight as it may. */
import type { ServerResponse } from 'node:http';
import type { Receiver } from '../support/receiver';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, env: { RETRY_WORKER_INTERVAL_MS: '200', OUTBOX_CLAIM_MS: '5000' } });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

/** A receiver that answers only when told, and knows how many requests it has at a time. */
async function startSlowReceiver() {
  const open: ServerResponse[] = [];
  let most = 0;
  const receiver = await system.startReceiver((response) => {
    open.push(response);
    most = Math.max(most, open.length);
  });
  return {
    receiver,
    open,
    most: () => most,
    answerAll: () => open.splice(0).forEach((response) => response.writeHead(204).end()),
  };
}

const publishMany = async (count: number): Promise<string[]> =>
  (await Promise.all(Array.from({ length: count }, () => system.publish(tenant)))).flat();
const workflowOf = (id: string) =>
  system.ctx.temporal.client.workflow
    .getHandle(`delivery:${id}`)
    .describe()
    .catch(() => undefined);
const pathOf = (receiver: Receiver): { url: string } => ({ url: receiver.url });
const post = (path: string) => system.call('POST', path, { token: tenant.token });

describe('a webhook with max_in_flight', () => {
  it('never has more requests at a time, and every delivery arrives', async () => {
    const slow = await startSlowReceiver();
    await system.createWebhook(tenant, { ...pathOf(slow.receiver), max_in_flight: 3, timeout_ms: 30_000 });
    const ids = await publishMany(12);
    await waitFor(() => slow.open.length === 3, 'three requests');

    while (slow.receiver.arrivals.length < 12) {
      slow.answerAll();
      await waitFor(() => slow.open.length > 0, 'the next requests');
    }
    slow.answerAll();
    const deliveries = await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

    expect(slow.most()).toBe(3);
    expect(deliveries.map(({ attempts }) => attempts)).toEqual(ids.map(() => 1));
  }, 60_000);

  it('that hangs gets no workflows for what comes next, and leaves others alone', async () => {
    const slow = await startSlowReceiver();
    const quick = await system.startReceiver();
    await system.createWebhook(tenant, {
      ...pathOf(slow.receiver),
      max_in_flight: 1,
      timeout_ms: 30_000,
      event: 'slow',
    });
    await system.createWebhook(tenant, { ...pathOf(quick), event: 'quick' });
    const [first = '', second = ''] = [
      ...(await system.publish(tenant, { type: 'slow' })),
      ...(await system.publish(tenant, { type: 'slow' })),
    ];
    await waitFor(async () => {
      const [row] = await system.database.query('SELECT 1 FROM hook.webhook_configs WHERE tenant_id = $1 AND crowded', [
        tenant.id,
      ]);
      return row !== undefined;
    }, 'the webhook to be crowded');

    const [third = ''] = await system.publish(tenant, { type: 'slow' });
    const [other = ''] = await system.publish(tenant, { type: 'quick' });
    await system.deliveryWith(tenant, other, 'SUCCESS');

    await waitFor(
      async () =>
        (await system.ctx.telemetry.metrics.registry.metrics()).includes('hook_backlog_deliveries{state="waiting"} 2'),
      'the metrics to tell of the two that wait',
    );
    expect((await system.delivery(tenant, third)).status).toBe('PENDING');
    expect(await workflowOf(third)).toBeUndefined();
    for (const id of [first, second, third]) {
      await waitFor(() => slow.open.length === 1, `the request of ${id}`);
      slow.answerAll();
    }
    await Promise.all([first, second, third].map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));
    expect(slow.most()).toBe(1);
  }, 60_000);

  it('takes new deliveries at once again when nothing waits any more', async () => {
    const slow = await startSlowReceiver();
    const { id: webhookId } = await system.createWebhook(tenant, { ...pathOf(slow.receiver), max_in_flight: 1 });
    const ids = await publishMany(3);
    await waitFor(() => slow.open.length === 1, 'the first request');
    slow.receiver.answer = 204;
    slow.answerAll();
    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

    await waitFor(async () => {
      await system.publish(tenant);
      const [row] = await system.database.query<{ crowded: boolean }>(
        'SELECT crowded FROM hook.webhook_configs WHERE id = $1',
        [webhookId],
      );
      return row?.crowded === false;
    }, 'the webhook not to be crowded any more');
  }, 60_000);
});

it("a tenant's max_concurrent_deliveries holds over all of its webhooks", async () => {
  const slow = await startSlowReceiver();
  await system.database.query('UPDATE hook.quotas SET max_concurrent_deliveries = 2 WHERE tenant_id = $1', [tenant.id]);
  for (const event of ['a', 'b']) {
    await system.createWebhook(tenant, { ...pathOf(slow.receiver), event, timeout_ms: 30_000 });
  }
  const ids = (
    await Promise.all(['a', 'b', 'a', 'b', 'a', 'b'].map((type) => system.publish(tenant, { type })))
  ).flat();
  await waitFor(() => slow.open.length === 2, 'two requests');
  const usage = await waitFor(async () => {
    const { body } = await system.call('GET', `/v1/quotas/${tenant.id}`, { token: tenant.token });
    return body.data.current_usage.concurrent_deliveries === 2 && body.data;
  }, 'the usage to be told');

  while (slow.receiver.arrivals.length < 6) {
    slow.answerAll();
    await waitFor(() => slow.open.length > 0, 'the next requests');
  }
  slow.answerAll();
  await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

  expect(slow.most()).toBe(2);
  expect(usage.remaining.max_concurrent_deliveries).toBe(0);
}, 60_000);

it("a tenant's webhooks take turns at what the tenant may have", async () => {
  const [busy, rare] = [await startSlowReceiver(), await startSlowReceiver()];
  await system.database.query('UPDATE hook.quotas SET max_concurrent_deliveries = 1 WHERE tenant_id = $1', [tenant.id]);
  const timeout_ms = 30_000;
  await system.createWebhook(tenant, { ...pathOf(busy.receiver), event: 'busy', timeout_ms });
  await system.createWebhook(tenant, { ...pathOf(rare.receiver), event: 'rare', timeout_ms });
  const ids: string[] = [];
  for (let n = 0; n < 20; n++) ids.push(...(await system.publish(tenant, { type: 'busy' })));
  ids.push(...(await system.publish(tenant, { type: 'rare' })));
  await waitFor(async () => {
    const [row] = await system.database.query<{ waiting: number }>(
      'SELECT count(waiting_since)::int AS waiting FROM hook.deliveries WHERE tenant_id = $1',
      [tenant.id],
    );
    return row?.waiting === 20;
  }, 'all but one to wait');

  while (rare.receiver.arrivals.length === 0) {
    await waitFor(() => busy.open.length + rare.open.length > 0, 'the next request');
    busy.answerAll();
  }

  // In a line of all, it would come after twenty.
  expect(busy.receiver.arrivals.length).toBeLessThanOrEqual(10);
  busy.receiver.answer = 204;
  rare.answerAll();
  await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));
}, 60_000);

it('a worker that stops lets nothing go on that it will not send', async () => {
  const worker = await TestSystem.start({ worker: true });
  const receiver = await system.startReceiver((response) => setTimeout(() => response.writeHead(204).end(), 20));
  const its = await worker.createTenant();
  await worker.createWebhook(its, { url: receiver.url, lane: 'direct', max_in_flight: 2 });
  await Promise.all(Array.from({ length: 80 }, () => worker.publish(its)));
  await waitFor(() => receiver.arrivals.length >= 10, 'deliveries to be admitted');

  await worker.stop({ keepData: true });

  const rows = await worker.database.query<{ status: string; waiting: boolean; claimed: boolean }>(
    `SELECT status, waiting_since IS NOT NULL AS waiting, claimed_until > now() AS claimed
     FROM hook.deliveries WHERE status = 'PENDING'`,
  );
  const successor = await TestSystem.start({ after: worker, worker: true });
  await waitFor(() => receiver.arrivals.length === 80, 'the others to be sent');
  await successor.stop();
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter(({ waiting, claimed }) => !waiting && claimed)).toEqual([]);
}, 60_000);

describe('a paused webhook', () => {
  it('gets no workflow for what it is sent, and all of it arrives after the resume', async () => {
    const receiver = await system.startReceiver();
    const { id: webhookId } = await system.createWebhook(tenant, pathOf(receiver));
    await post(`/v1/webhooks/${webhookId}/pause`);
    const ids = await publishMany(20);
    const statuses = await Promise.all(ids.map(async (id) => (await system.delivery(tenant, id)).status));
    const workflows = await Promise.all(ids.map(workflowOf));

    await post(`/v1/webhooks/${webhookId}/resume`);
    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

    expect(statuses).toEqual(ids.map(() => 'PAUSED'));
    expect(workflows).toEqual(ids.map(() => undefined));
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id']).sort()).toEqual(ids.toSorted());
  }, 60_000);

  it('loses none of what is accepted while it is resumed', async () => {
    const receiver = await system.startReceiver();
    const { id: webhookId } = await system.createWebhook(tenant, pathOf(receiver));

    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      await post(`/v1/webhooks/${webhookId}/pause`);
      const publishing = publishMany(4);
      await post(`/v1/webhooks/${webhookId}/resume`);
      ids.push(...(await publishing));
    }

    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));
    expect(receiver.arrivals).toHaveLength(20);
  }, 60_000);

  it('ends what it holds when its time is over, without a workflow, and it can be replayed', async () => {
    const receiver = await system.startReceiver();
    const { id: webhookId } = await system.createWebhook(tenant, {
      ...pathOf(receiver),
      retry_policy: { delays_seconds: [] },
    });
    await post(`/v1/webhooks/${webhookId}/pause`);
    const [id = ''] = await system.publish(tenant);

    await system.database.query("UPDATE hook.deliveries SET expires_at = now() - interval '1 second' WHERE id = $1", [
      id,
    ]);

    expect(await system.deliveryWith(tenant, id, 'DEAD_LETTER')).toMatchObject({ reason: 'EXPIRED', attempts: 0 });
    expect(await workflowOf(id)).toBeUndefined();
    expect(receiver.arrivals).toHaveLength(0);
    await post(`/v1/webhooks/${webhookId}/resume`);
    await post(`/v1/deliveries/${id}/replay`);
    await system.deliveryWith(tenant, id, 'SUCCESS');
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('ends what it holds as CANCELLED when it is disabled', async () => {
    const receiver = await system.startReceiver();
    const { id: webhookId } = await system.createWebhook(tenant, pathOf(receiver));
    await post(`/v1/webhooks/${webhookId}/pause`);
    const [id = ''] = await system.publish(tenant);

    await post(`/v1/webhooks/${webhookId}/disable`);

    expect(await system.deliveryWith(tenant, id, 'CANCELLED')).toMatchObject({ reason: 'WEBHOOK_DISABLED' });
  });
});
