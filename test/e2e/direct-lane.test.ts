import { WorkflowNotFoundError } from '@temporalio/common';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, env: { RETRY_WORKER_INTERVAL_MS: '200', OUTBOX_CLAIM_MS: '1000' } });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

async function attemptsOf(id: string) {
  const { body } = await system.call('GET', `/v1/deliveries/${id}/attempts`, { token: tenant.token });
  return body.data as { attempt_number: number; http_status_code: number | null; outcome: string }[];
}

/** The workflow's status; undefined where none was ever started. */
async function workflowOf(id: string): Promise<string | undefined> {
  try {
    const { status } = await system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`).describe();
    return status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

const direct = { lane: 'direct', retry_policy: { delays_seconds: [1, 1] } };

describe('a delivery of a webhook in the direct lane', () => {
  it('is sent and recorded without a workflow when the receiver takes it', async () => {
    const receiver = await system.startReceiver();
    const webhook = await system.createWebhook(tenant, { ...direct, url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(webhook.lane).toBe('direct');
    expect(receiver.arrivals).toHaveLength(1);
    expect(await attemptsOf(id)).toMatchObject([{ attempt_number: 1, outcome: 'success', http_status_code: 204 }]);
    expect(await workflowOf(id)).toBeUndefined();
  });

  it('gets a workflow when it fails, which counts the first attempt and goes on from there', async () => {
    const receiver = await system.startReceiver((response, _arrival, count) =>
      response.writeHead(count < 3 ? 500 : 204).end(),
    );
    await system.createWebhook(tenant, { ...direct, url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(receiver.arrivals.map(({ headers }) => headers['x-webhook-attempt'])).toEqual(['1', '2', '3']);
    expect((await attemptsOf(id)).map(({ http_status_code: status }) => status).toSorted()).toEqual([204, 500, 500]);
    await waitFor(async () => (await workflowOf(id)) === 'COMPLETED', 'its workflow to complete');
  });

  it('waits as long as its first attempt said, and is a dead letter after as many attempts as in the other lane', async () => {
    const receiver = await system.startReceiver(503);
    await system.createWebhook(tenant, { ...direct, url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    const { next_attempt_at: promised } = await system.deliveryWith(tenant, id, 'FAILED_RETRY');
    const ended = await system.deliveryWith(tenant, id, 'DEAD_LETTER');

    expect(Date.parse(promised)).toBeGreaterThan(0);
    expect(ended).toMatchObject({ reason: 'EXHAUSTED', attempts: 3, last_status_code: 503 });
    await waitFor(async () => (await workflowOf(id)) === 'FAILED', 'its workflow to fail');
  });

  it('that is refused for good is a dead letter after one POST, red in the UI', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { ...direct, url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    const ended = await system.deliveryWith(tenant, id, 'DEAD_LETTER');

    expect(ended).toMatchObject({ reason: 'REJECTED', attempts: 1 });
    expect(receiver.arrivals).toHaveLength(1);
    await waitFor(async () => (await workflowOf(id)) === 'FAILED', 'its workflow to fail');
  });

  it('is replayed by a workflow, under the same id', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { ...direct, url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    receiver.answer = 204;

    await system.call('POST', `/v1/dlq/${id}/retry`, { token: tenant.token });
    const replayed = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(replayed).toMatchObject({ replay_no: 1, attempts: 2 });
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
  });

  it('that somebody starts again by hand in the UI is sent again', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { ...direct, url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    await waitFor(async () => (await workflowOf(id)) === 'FAILED', 'its workflow to fail');
    receiver.answer = 204;

    const { workflow } = system.ctx.temporal.client;
    const { events } = await workflow.getHandle(`delivery:${id}`).fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    const [input] = (started?.input?.payloads ?? []).map(({ data }) => JSON.parse(Buffer.from(data ?? []).toString()));
    const { namespace } = workflow.options;
    // Without our client: the UI copies the input and sets no header.
    await system.ctx.temporal.client.workflowService.startWorkflowExecution({
      namespace,
      workflowId: `delivery:${id}`,
      workflowType: { name: 'delivery' },
      taskQueue: { name: system.ctx.config.TEMPORAL_TASK_QUEUE },
      input: {
        payloads: [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(input)) }],
      },
      requestId: `by-hand-${id}`,
    });
    const replayed = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(input).toMatchObject({ direct: true });
    expect(replayed).toMatchObject({ replay_no: 1, attempts: 2 });
    expect(receiver.arrivals).toHaveLength(2);
  });

  it('parks without a workflow while the webhook is paused, and goes on after a resume', async () => {
    const receiver = await system.startReceiver();
    const webhook = await system.createWebhook(tenant, { ...direct, url: receiver.url });
    await system.call('POST', `/v1/webhooks/${webhook.id}/pause`, { token: tenant.token });

    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'PAUSED');
    expect(receiver.arrivals).toHaveLength(0);
    await system.call('POST', `/v1/webhooks/${webhook.id}/resume`, { token: tenant.token });
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(receiver.arrivals).toHaveLength(1);
    expect(await workflowOf(id)).toBeUndefined();
  });

  it('waits for its turn when the webhook has as many POSTs in flight as it may', async () => {
    let most = 0;
    let open = 0;
    const receiver = await system.startReceiver((response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.writeHead(204).end();
      }, 20);
    });
    await system.createWebhook(tenant, { ...direct, url: receiver.url, max_in_flight: 3 });

    const ids = (await Promise.all(Array.from({ length: 60 }, () => system.publish(tenant)))).flat();
    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

    expect(most).toBeLessThanOrEqual(3);
    expect(receiver.arrivals).toHaveLength(60);
    expect(await Promise.all(ids.map(workflowOf))).toEqual(ids.map(() => undefined));
  });

  it('is made by a workflow when the process that accepted it is gone', async () => {
    const receiver = await system.startReceiver();
    const webhook = await system.createWebhook(tenant, { ...direct, url: receiver.url });
    await system.database.query(
      `WITH event AS (
         INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash)
         VALUES ($1, 'left-behind', 'order.created', '{}', '')
       )
       INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, claimed_by, claimed_until, expires_at)
       VALUES ('01M8AE8D2VTNAMF3FMX04P8000', $1, $2, 'left-behind', 'order.created', 'PENDING', 'a process that is gone',
               now(), now() + interval '1 day')`,
      [tenant.id, webhook.id],
    );

    await system.deliveryWith(tenant, '01M8AE8D2VTNAMF3FMX04P8000', 'SUCCESS');

    expect(receiver.arrivals).toHaveLength(1);
    await waitFor(async () => (await workflowOf('01M8AE8D2VTNAMF3FMX04P8000')) === 'COMPLETED', 'a workflow');
  });

  it('that an API process accepted, which makes no attempts itself, is taken by a worker', async () => {
    const api = await TestSystem.start({ after: system });
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { ...direct, url: receiver.url });

    const ids = (await Promise.all(Array.from({ length: 10 }, () => api.publish(tenant)))).flat();
    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));
    await api.stop({ keepData: true });

    expect(receiver.arrivals).toHaveLength(10);
    expect(await Promise.all(ids.map(workflowOf))).toEqual(ids.map(() => undefined));
  });
});
