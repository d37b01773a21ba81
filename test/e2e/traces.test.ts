/** One trace from the producer's request through the workflow to each attempt, and on to the receiver. */
import { once } from 'node:events';
import { startCollector, type Collector, type CollectedSpan } from '../support/collector';
import { killProcesses, spawnEverhook, type EverhookProcess } from '../support/everhook-process';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

const producer = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let system: TestSystem;
let collector: Collector;
let everhook: EverhookProcess;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  collector = await startCollector();
  everhook = spawnEverhook(['api', 'worker'], system, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'everhook-test',
    // The SDK's own setting: spans are sent soon.
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  await everhook.apiUrl();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(async () => {
  killProcesses();
  await collector.stop();
  await system.stop();
});

/** @param flags whether the producer's trace is sampled */
async function publish(flags: '00' | '01', to = everhook): Promise<string> {
  const answer = await fetch(`${await to.apiUrl()}/v1/events`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${tenant.token}`,
      traceparent: `00-${producer.traceId}-${producer.spanId}-${flags}`,
    },
    body: JSON.stringify({ type: 'order.created', payload: { card: 'payload-canary' } }),
  });
  const { data } = (await answer.json()) as { data: { delivery_ids: string[] } };
  return data.delivery_ids[0] ?? '';
}

const attemptsOf = (deliveryId: string): CollectedSpan[] =>
  collector.spans.filter(
    ({ name, attributes }) => name === 'attempt' && attributes['everhook.delivery_id'] === deliveryId,
  );

it.each(['workflow', 'direct'])('in the %s lane', async (lane) => {
  const receiver = await system.startReceiver((response, _arrival, count) =>
    response.writeHead(count === 1 ? 503 : 204).end(),
  );
  const url = `${receiver.url}?token=url-canary`;
  const { secret } = await system.createWebhook(tenant, { url, lane, retry_policy: { delays_seconds: [1] } });

  const id = await publish('01');
  await system.deliveryWith(tenant, id, 'SUCCESS');
  const attempts = await waitFor(() => attemptsOf(id).length === 2 && attemptsOf(id), 'the spans of both attempts');
  const request = await waitFor(
    () =>
      collector.spans.find(({ name, spanId }) => name === 'POST /v1/events' && spanId === attempts[0]?.parentSpanId),
    'the span of the request',
  );

  expect(request).toMatchObject({
    ...producer,
    spanId: request.spanId,
    parentSpanId: producer.spanId,
    service: 'everhook-test',
    attributes: { 'http.response.status_code': 202, 'everhook.tenant_id': tenant.id },
  });
  expect(
    attempts.map(({ traceId, parentSpanId, failed, attributes }) => [traceId, parentSpanId, failed, attributes]),
  ).toEqual(
    [
      [503, 'retry', true],
      [204, 'success', false],
    ].map(([status, outcome, failed], at) => [
      producer.traceId,
      request.spanId,
      failed,
      expect.objectContaining({
        'http.response.status_code': status,
        'everhook.outcome': outcome,
        'everhook.attempt': at + 1,
        ...(lane === 'direct' && at === 0
          ? { 'everhook.lane': 'direct' }
          : { 'temporal.workflow_id': `delivery:${id}`, 'temporal.run_id': expect.any(String) }),
      }),
    ]),
  );
  expect(collector.spans).toContainEqual(
    expect.objectContaining({
      name: 'StartWorkflow:delivery',
      traceId: producer.traceId,
      parentSpanId: request.spanId,
      attributes: expect.objectContaining({ 'temporal.workflow_id': `delivery:${id}` }),
    }),
  );
  expect(receiver.arrivals.map(({ headers }) => headers['traceparent'])).toEqual(
    attempts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
  );
  expect(everhook.log()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ event: 'request.finished', trace_id: producer.traceId, span_id: request.spanId }),
      expect.objectContaining({ event: 'hook.dispatch_received', trace_id: producer.traceId, span_id: request.spanId }),
      ...['hook.delivery_failed', 'hook.delivery_success'].map((event, at) =>
        expect.objectContaining({ event, delivery_id: id, trace_id: producer.traceId, span_id: attempts[at]?.spanId }),
      ),
    ]),
  );
  expect(collector.received()).not.toMatch(/payload-canary|url-canary/);
  expect(collector.received()).not.toContain(secret);
});

it.each(['workflow', 'direct'])('nothing of what the producer does not sample, in the %s lane', async (lane) => {
  const receiver = await system.startReceiver();
  await system.createWebhook(tenant, { url: receiver.url, lane });

  const untold = await publish('00');
  await system.deliveryWith(tenant, untold, 'SUCCESS');
  const told = await publish('01');
  await waitFor(() => attemptsOf(told).length === 1, 'the attempt that is traced');

  expect(attemptsOf(untold)).toEqual([]);
  expect(receiver.arrivals.map(({ headers }) => typeof headers['traceparent'])).toEqual(['undefined', 'string']);
  const line = everhook.log().find(({ event, delivery_id: id }) => event === 'hook.delivery_success' && id === untold);
  expect(line).not.toHaveProperty('trace_id');
});

it('delivers and ends in order while the collector is away', async () => {
  const alone = spawnEverhook(['api', 'worker'], system, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  const receiver = await system.startReceiver();
  await system.createWebhook(tenant, { url: receiver.url });
  await system.deliveryWith(tenant, await publish('01', alone), 'SUCCESS');
  await waitFor(() => alone.log().some(({ event }) => event === 'tracing.failed'), 'the failure to be told');

  alone.child.kill('SIGTERM');
  expect(await once(alone.child, 'exit')).toEqual([0, null]);
});
