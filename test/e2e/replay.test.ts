/** Replaying, cancelling and retrying deliveries whose workflows run, wait, have closed or are about to. */
import { newId } from '../../src/domain/ids';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, env: { OUTBOX_CLAIM_MS: '5000', RETRY_WORKER_INTERVAL_MS: '200' } });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const post = (path: string): Promise<ApiAnswer> => system.call('POST', path, { token: tenant.token });
const handleOf = (id: string) => system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`);

/** Runs of the delivery's workflow, the latest first. */
async function closed(id: string): Promise<string> {
  return waitFor(async () => {
    const { status } = await handleOf(id).describe();
    return status.name !== 'RUNNING' && status.name;
  }, `workflow of ${id} to close`);
}

async function attemptsOf(id: string): Promise<{ attempt_number: number; replay_no: number; outcome: string }[]> {
  return (await system.call('GET', `/v1/deliveries/${id}/attempts`, { token: tenant.token })).body.data;
}

/** A delivery that waits an hour for its retry. */
async function waiting(): Promise<{ id: string; receiver: Awaited<ReturnType<TestSystem['startReceiver']>> }> {
  const receiver = await system.startReceiver(503);
  await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [3600] } });
  const [id = ''] = await system.publish(tenant);
  await system.deliveryWith(tenant, id, 'FAILED_RETRY');
  return { id, receiver };
}

describe('a replay', () => {
  it('of a dead letter is a further run under the same delivery id, and its attempts are kept', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    await closed(id);
    receiver.answer = 204;

    const answer = await post(`/v1/dlq/${id}/retry`);
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(answer.status).toBe(202);
    expect(delivery).toMatchObject({ replay_no: 1, attempts: 2, reason: null });
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
    expect(receiver.arrivals[1]?.body).toBe(receiver.arrivals[0]?.body);
    expect(await attemptsOf(id)).toMatchObject([
      { attempt_number: 2, replay_no: 1, outcome: 'success' },
      { attempt_number: 1, replay_no: 0, outcome: 'permanent' },
    ]);
  });

  it('of what a full queue did not take is its first run and its first attempt', async () => {
    const receiver = await system.startReceiver(503);
    await system.createWebhook(tenant, {
      url: receiver.url,
      max_queue_size: 1,
      retry_policy: { delays_seconds: [3600] },
    });
    await system.createWebhook(tenant, { url: receiver.url, event_types: ['order.updated'] });
    const [queued = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, queued, 'FAILED_RETRY');
    await system.publish(tenant, { type: 'order.updated' });
    const [{ delivery_id: id }] = (await system.call('GET', '/v1/dlq', { token: tenant.token })).body.data;
    receiver.answer = 204;

    await post(`/v1/dlq/${id}/retry`);

    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');
    expect(delivery).toMatchObject({ replay_no: 1, attempts: 1, reason: null });
    expect(await attemptsOf(id)).toMatchObject([{ attempt_number: 1, replay_no: 1, outcome: 'success' }]);
  });

  it('of a success sends it again, each time under the next number', async () => {
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    for (const replayNo of [1, 2]) {
      await system.deliveryWith(tenant, id, 'SUCCESS');
      expect((await post(`/v1/deliveries/${id}/replay`)).body.data.replay_no).toBe(replayNo);
    }

    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ replay_no: 2, attempts: 3 });
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id'])).toEqual([id, id, id]);
  });

  it('has all of its policy again', async () => {
    const receiver = await system.startReceiver(500);
    await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1] } });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');

    await post(`/v1/deliveries/${id}/replay`);
    const delivery = await system.deliveryWith(tenant, id, 'DEAD_LETTER');

    expect(delivery).toMatchObject({ replay_no: 1, attempts: 4, reason: 'EXHAUSTED' });
    expect(receiver.arrivals).toHaveLength(4);
  });

  it('right after the dead letter waits for the closing run, and is sent once', async () => {
    const receiver = await system.startReceiver((response, _arrival, count) =>
      response.writeHead(count % 2 === 1 ? 400 : 204).end(),
    );
    await system.createWebhook(tenant, { url: receiver.url });

    for (let round = 1; round <= 20; round++) {
      const [id = ''] = await system.publish(tenant);
      // As fast as can be, so that the run that recorded its end is caught before it has closed.
      await waitFor(async () => (await post(`/v1/deliveries/${id}/replay`)).status === 202);
      const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');
      expect(delivery).toMatchObject({ replay_no: 1, attempts: 2 });
      expect(await closed(id)).toBe('COMPLETED');
      expect(receiver.arrivals).toHaveLength(2 * round);
    }
  }, 60_000);

  it('opened by a process that dies before the start is started by the sweep', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    receiver.answer = 204;
    // It has never reached Temporal when it ends, and what it has claimed lapses.
    const other = await TestSystem.start({ after: system, env: { OUTBOX_CLAIM_MS: '1000' } });

    const answer = await other.call('POST', `/v1/deliveries/${id}/replay`, { token: tenant.token });
    await other.stop({ keepData: true });
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(answer.status).toBe(202);
    expect(delivery).toMatchObject({ replay_no: 1, attempts: 2 });
    expect(receiver.arrivals).toHaveLength(2);
  });

  it('whose start was answered unheard meets its own run and sends nothing twice', async () => {
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url, timeout_ms: 30_000 });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'SUCCESS');
    await closed(id);
    let release: () => void = () => {};
    receiver.answer = (response) => void (release = () => response.writeHead(204).end());
    await post(`/v1/deliveries/${id}/replay`);
    await waitFor(() => receiver.arrivals.length === 2);

    await system.database.query('UPDATE hook.deliveries SET claimed_until = now() WHERE id = $1', [id]);
    await system.deliveryWith(tenant, id, 'IN_PROGRESS');
    release();
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(await closed(id)).toBe('COMPLETED');
    expect(receiver.arrivals).toHaveLength(2);
  });

  it('that is terminated before it has recorded anything has ended, and is not started again', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { url: receiver.url, timeout_ms: 30_000 });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    await closed(id);
    let release: () => void = () => {};
    receiver.answer = (response) => void (release = () => response.writeHead(500).end());
    await post(`/v1/deliveries/${id}/replay`);
    await waitFor(() => receiver.arrivals.length === 2);
    await system.deliveryWith(tenant, id, 'IN_PROGRESS');

    await handleOf(id).terminate();
    await system.database.query('UPDATE hook.deliveries SET claimed_until = now() WHERE id = $1', [id]);
    const delivery = await system.deliveryWith(tenant, id, 'CANCELLED');
    release();

    expect(delivery).toMatchObject({ reason: 'TERMINATED', replay_no: 1 });
    expect(receiver.arrivals).toHaveLength(2);
  });

  it('of a delivery whose old run still waits, unaware of its end, wakes that run and follows it', async () => {
    const { id, receiver } = await waiting();
    // As a cancellation while Temporal is away leaves it.
    await system.ctx.deliveryEnds.record(id, null, 'CANCELLED', 0);
    receiver.answer = 204;

    await post(`/v1/deliveries/${id}/replay`);
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ replay_no: 1, attempts: 2 });
    expect(receiver.arrivals).toHaveLength(2);
  });
});

describe('a cancellation', () => {
  it('while it waits for its retry ends it at once, in Temporal as well', async () => {
    const { id, receiver } = await waiting();

    const answer = await post(`/v1/deliveries/${id}/cancel`);
    const atOnce = await system.delivery(tenant, id);

    expect(answer.status).toBe(202);
    expect(atOnce).toMatchObject({ status: 'CANCELLED', reason: 'CANCELLED', attempts: 1, next_attempt_at: null });
    expect(await closed(id)).toBe('FAILED');
    await expect(handleOf(id).result()).rejects.toMatchObject({ cause: { type: 'DeliveryCancelled' } });
    expect(receiver.arrivals).toHaveLength(1);
  });

  it.each([
    [204, { status: 'SUCCESS', reason: null }],
    [500, { status: 'CANCELLED', reason: 'CANCELLED' }],
  ])('while an attempt is under way that is answered %d', async (status, end) => {
    let release: () => void = () => {};
    const receiver = await system.startReceiver((response) => void (release = () => response.writeHead(status).end()));
    await system.createWebhook(tenant, { url: receiver.url, timeout_ms: 30_000 });
    const [id = ''] = await system.publish(tenant);
    await waitFor(() => receiver.arrivals.length === 1);

    const answer = await post(`/v1/deliveries/${id}/cancel`);
    release();
    await closed(id);

    expect(answer.status).toBe(202);
    expect(await system.delivery(tenant, id)).toMatchObject({ ...end, attempts: 1 });
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('that Temporal did not hear of is noticed by the next attempt', async () => {
    const other = await TestSystem.start({ after: system });
    const receiver = await system.startReceiver(503);
    await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [3, 3600] } });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');

    const answer = await other.call('POST', `/v1/deliveries/${id}/cancel`, { token: tenant.token });
    await other.stop({ keepData: true });

    expect(answer.status).toBe(202);
    expect(await closed(id)).toBe('FAILED');
    await expect(handleOf(id).result()).rejects.toMatchObject({ cause: { type: 'DeliveryCancelled' } });
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('can be followed by a replay at once', async () => {
    const { id, receiver } = await waiting();
    receiver.answer = 204;

    await post(`/v1/deliveries/${id}/cancel`);
    const answer = await post(`/v1/deliveries/${id}/replay`);
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(answer.status).toBe(202);
    expect(delivery).toMatchObject({ replay_no: 1, attempts: 2 });
    expect(receiver.arrivals).toHaveLength(2);
  });
});

describe('retry-now', () => {
  it('makes the next attempt at once', async () => {
    const { id, receiver } = await waiting();
    receiver.answer = 204;

    const answer = await post(`/v1/deliveries/${id}/retry-now`);
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(answer.status).toBe(202);
    expect(delivery).toMatchObject({ replay_no: 0, attempts: 2 });
    expect((await post(`/v1/deliveries/${id}/retry-now`)).status).toBe(409);
  });

  it('is 409 when its workflow was terminated', async () => {
    const { id } = await waiting();
    await handleOf(id).terminate('by hand');

    expect((await post(`/v1/deliveries/${id}/retry-now`)).status).toBe(409);
  });

  it('is 409 when there is no such workflow', async () => {
    const { id: started } = await waiting();
    const id = newId();
    // As after the loss of Temporal's database: the delivery is known to Postgres alone.
    await system.database.query(
      `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, attempts, expires_at)
       SELECT $2, tenant_id, webhook_id, 'another', event_type, status, attempts, expires_at
       FROM hook.deliveries WHERE id = $1`,
      [started, id],
    );

    expect((await post(`/v1/deliveries/${id}/retry-now`)).status).toBe(409);
  });
});
