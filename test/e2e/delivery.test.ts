import { Webhook } from 'standardwebhooks';
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import { WorkflowIdReusePolicy, WorkflowNotFoundError } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { deliveryWorkflowType } from '../../src/temporal/contracts';
import { withStartHeader } from '../../src/temporal/start-header';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

function handleOf(deliveryId: string) {
  return system.ctx.temporal.client.workflow.getHandle(`delivery:${deliveryId}`);
}

async function eventsOf(deliveryId: string) {
  return (await handleOf(deliveryId).fetchHistory()).events ?? [];
}

async function closed(deliveryId: string): Promise<string> {
  return waitFor(async () => {
    // Right after the 202 the workflow may not have been started yet.
    const description = await handleOf(deliveryId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
    return description && description.status.name !== 'RUNNING' && description.status.name;
  }, `workflow of ${deliveryId} to close`);
}

describe('a published event', () => {
  it('reaches every matching webhook of its tenant, signed, byte for byte, and no other', async () => {
    const other = await system.createTenant();
    const [one, two, unwanted, foreign] = await Promise.all([1, 2, 3, 4].map(() => system.startReceiver()));
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    await system.createWebhook(tenant, { url: one?.url, event_types: ['order.*'], secret });
    await system.createWebhook(tenant, { url: two?.url, secret });
    await system.createWebhook(tenant, { url: unwanted?.url, event_types: ['invoice.*'], secret });
    await system.createWebhook(other, { url: foreign?.url, secret });
    const payload = '{"n":12345678901234567890,"a":1,"a":2,"s":"\\u0000"}';

    const { body } = await system.call('POST', '/v1/events', {
      token: tenant.token,
      text: `{"type": "order.created", "payload": ${payload}}`,
    });
    const ids: string[] = body.data.delivery_ids;
    await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'SUCCESS')));

    expect(ids).toHaveLength(2);
    expect([unwanted, foreign].map((receiver) => receiver?.arrivals)).toEqual([[], []]);
    for (const receiver of [one, two]) {
      const [arrival] = receiver?.arrivals ?? [];
      expect(receiver?.arrivals).toHaveLength(1);
      expect(arrival?.body.endsWith(`"data":${payload}}`)).toBe(true);
      expect(() =>
        new Webhook(secret).verify(arrival?.body ?? '', arrival?.headers as Record<string, string>),
      ).not.toThrow();
    }
  });

  it('costs six history events when the first attempt succeeds', async () => {
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'SUCCESS');
    await closed(id);

    expect(await eventsOf(id)).toHaveLength(6);
  });

  it('leaves no payload, URL or secret in the history', async () => {
    const receiver = await system.startReceiver(400);
    const secret = 'a-canary-secret-of-the-webhook';
    await system.createWebhook(tenant, {
      url: `${receiver.url}/canary-path`,
      secret,
      headers: { 'X-Key': 'canary-header' },
    });

    const [id = ''] = await system.publish(tenant, { payload: { card: 'canary-payload' } });
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    await closed(id);

    const history = temporal.api.history.v1.History.toObject(
      temporal.api.history.v1.History.create(await handleOf(id).fetchHistory()),
      { bytes: String },
    );
    const text = JSON.stringify(history);
    const decoded = Buffer.concat(
      [...text.matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)].map(([, data]) => Buffer.from(data ?? '', 'base64')),
    ).toString();
    expect(decoded).toContain(id);
    for (const canary of [secret, 'canary-path', 'canary-header', 'canary-payload']) {
      expect(text + decoded).not.toContain(canary);
    }
  });

  it('is found in the UI by its search attributes and summary', async () => {
    const receiver = await system.startReceiver();
    const webhook = await system.createWebhook(tenant, { url: receiver.url });

    const [id = ''] = await system.publish(tenant, { id: `evt-${tenant.id}` });
    await system.deliveryWith(tenant, id, 'SUCCESS');

    const found = await waitFor(async () => {
      const query = `WebhookId = '${webhook.id}' AND TenantId = '${tenant.id}' AND EventId = 'evt-${tenant.id}' AND EventType = 'order.created'`;
      for await (const execution of system.ctx.temporal.client.workflow.list({ query })) return execution;
      return undefined;
    });
    expect(found.workflowId).toBe(`delivery:${id}`);
    const { staticSummary } = await handleOf(id)
      .describe()
      .then(async (d) => ({ staticSummary: await d.staticSummary() }));
    expect(staticSummary).toBe(`order.created → \`${new URL(receiver.url).origin}/...\` (${tenant.id})`);
  });
});

describe('a receiver that fails twice', () => {
  it('gets three attempts of one delivery, and all of them are recorded', async () => {
    const receiver = await system.startReceiver((response, _arrival, count) =>
      response.writeHead(count < 3 ? 503 : 204).end(),
    );
    await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1, 1] } });

    const [id = ''] = await system.publish(tenant);
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ attempts: 3, last_status_code: 204, last_error: null });
    expect(new Set(receiver.arrivals.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]));
    expect(new Set(receiver.arrivals.map(({ body }) => body)).size).toBe(1);
    const { body } = await system.call('GET', `/v1/deliveries/${id}/attempts`, { token: tenant.token });
    expect(body.data.map((attempt: { http_status_code: number }) => attempt.http_status_code)).toEqual([204, 503, 503]);
  });
});

describe('a receiver that always fails', () => {
  it('leaves a dead letter, in Postgres and as a failed workflow', async () => {
    const receiver = await system.startReceiver(500);
    await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1] } });

    const [id = ''] = await system.publish(tenant);
    const delivery = await system.deliveryWith(tenant, id, 'DEAD_LETTER');

    expect(delivery).toMatchObject({ reason: 'EXHAUSTED', attempts: 2, next_attempt_at: null });
    expect(delivery.completed_at).not.toBeNull();
    const failure = await handleOf(id)
      .result()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect((failure as WorkflowFailedError).cause).toMatchObject({ type: 'DeadLetter' });
  });
});

describe('starting a workflow twice', () => {
  it('is refused, and nothing is sent twice', async () => {
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await closed(id);

    const again = withStartHeader(0, () =>
      system.ctx.temporal.client.workflow.start(deliveryWorkflowType, {
        workflowId: `delivery:${id}`,
        taskQueue: system.ctx.config.TEMPORAL_TASK_QUEUE,
        args: [{}],
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      }),
    );

    await expect(again).rejects.toBeInstanceOf(WorkflowExecutionAlreadyStartedError);
    expect(receiver.arrivals).toHaveLength(1);
  });
});

describe('"Start Workflow Like This One" in the UI', () => {
  it('replays a dead letter under its own delivery id', async () => {
    const receiver = await system.startReceiver(400);
    await system.createWebhook(tenant, { url: receiver.url });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    await closed(id);
    receiver.answer = 204;

    const [started] = await eventsOf(id);
    const payloads = started?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    await system.ctx.temporal.client.workflow.start(deliveryWorkflowType, {
      workflowId: `delivery:${id}`,
      taskQueue: system.ctx.config.TEMPORAL_TASK_QUEUE,
      args: payloads.map(({ data }) => JSON.parse(Buffer.from(data ?? []).toString()) as unknown),
    });
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ replay_no: 1, attempts: 2, reason: null });
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
  });
});

describe('Reset in the UI', () => {
  it('of a delivery that waits does not send the recorded attempts again', async () => {
    const receiver = await system.startReceiver((response, _arrival, count) =>
      response.writeHead(count < 3 ? 503 : 204).end(),
    );
    await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1, 1] } });
    const [id = ''] = await system.publish(tenant);
    await waitFor(() => receiver.arrivals.length === 2);
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');
    const firstTask = (await eventsOf(id)).find((event) => event.workflowTaskCompletedEventAttributes);

    const { client } = system.ctx.temporal;
    await client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: `delivery:${id}` },
      reason: 'test',
      requestId: id,
      workflowTaskFinishEventId: firstTask?.eventId ?? null,
    });
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(receiver.arrivals).toHaveLength(3);
    expect(await system.delivery(tenant, id)).toMatchObject({ status: 'SUCCESS', attempts: 3, replay_no: 0 });
  });
});

describe('Reset of a dead letter in the UI', () => {
  it('ends as the dead letter it is', async () => {
    const receiver = await system.startReceiver(500);
    await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1] } });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'DEAD_LETTER');
    await closed(id);
    const firstTask = (await eventsOf(id)).find((event) => event.workflowTaskCompletedEventAttributes);

    await system.ctx.temporal.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: `delivery:${id}` },
      reason: 'test',
      requestId: id,
      workflowTaskFinishEventId: firstTask?.eventId ?? null,
    });
    const status = await closed(id);

    expect(status).toBe('FAILED');
    expect(receiver.arrivals).toHaveLength(2);
    expect(await system.delivery(tenant, id)).toMatchObject({ status: 'DEAD_LETTER', attempts: 2, replay_no: 0 });
  });
});

describe('a paused webhook', () => {
  it('keeps a waiting delivery parked until it is resumed', async () => {
    const receiver = await system.startReceiver(503);
    const webhook = await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [1, 1] } });
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');
    const setState = (state: string) =>
      system.database.query('UPDATE hook.webhook_configs SET state = $2 WHERE id = $1', [webhook.id, state]);

    await setState('paused');
    await system.deliveryWith(tenant, id, 'PAUSED');
    receiver.answer = 204;
    await setState('active');
    await handleOf(id).signal('resume');
    const delivery = await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ attempts: receiver.arrivals.length });
  });
});
