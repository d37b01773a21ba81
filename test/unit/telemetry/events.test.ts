import {
  attemptFinished,
  claimsTakenOver,
  databaseFailed,
  deliveryEnded,
  eventAccepted,
  eventsRefused,
  kmsCalled,
  managementRefused,
  quotaExceeded,
  requestFinished,
  StartTelemetry,
  webhookStateChanged,
  type AttemptFinished,
} from '../../../src/telemetry/events';
import { createMemoryTelemetry } from './memory-telemetry';

const ids = { delivery_id: 'delivery-1', tenant_id: 'acme', webhook_id: 'webhook-1' };

const attempt: AttemptFinished = {
  ...ids,
  event_type: 'order.created',
  attempt: 2,
  outcome: 'success',
  http_status_code: 200,
  error_code: null,
  duration_ms: 250,
  delivery_latency_ms: 1_500,
};

describe('a finished attempt', () => {
  it.each([
    [attempt, 'hook.delivery_success', 'info'],
    [
      { ...attempt, outcome: 'retry', http_status_code: 503, error_code: 'http_status' },
      'hook.delivery_failed',
      'warn',
    ],
    [
      { ...attempt, outcome: 'permanent', http_status_code: null, error_code: 'address_blocked' },
      'hook.delivery_failed',
      'warn',
    ],
    [
      { ...attempt, outcome: 'permanent', http_status_code: 301, error_code: 'redirect_rejected' },
      'hook.redirect_rejected',
      'warn',
    ],
  ] as const)('%j is one line %s of level %s, and counted by its outcome', async (fact, event, level) => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    attemptFinished(telemetry, fact);

    expect(entries()).toEqual([{ level, time: expect.any(String) as string, event, ...fact }]);
    expect(await metric('webhook_deliveries_attempted_total', { status: fact.outcome })).toBe(1);
  });

  it('is measured in seconds', async () => {
    const { telemetry } = createMemoryTelemetry();

    attemptFinished(telemetry, attempt);
    attemptFinished(telemetry, { ...attempt, duration_ms: 1000 });

    const text = await telemetry.metrics.registry.metrics();
    expect(text).toContain('hook_delivery_duration_seconds_sum 1.25');
    expect(text).toContain('hook_delivery_duration_seconds_count 2');
  });

  it('is counted by its number, and a success by how long the delivery took', async () => {
    const { telemetry, metric } = createMemoryTelemetry();

    attemptFinished(telemetry, attempt);
    attemptFinished(telemetry, { ...attempt, attempt: 11, delivery_latency_ms: null });

    expect(await metric('hook_delivery_attempts_total', { attempt_number: '2', outcome: 'success' })).toBe(1);
    expect(await metric('hook_delivery_success_total', { attempt_number: 'more' })).toBe(1);
    const text = await telemetry.metrics.registry.metrics();
    expect(text).toContain('webhook_delivery_latency_seconds_sum 1.5');
    expect(text).toContain('webhook_delivery_latency_seconds_count 1');
  });

  it('is counted by what went wrong when it failed', async () => {
    const { telemetry, metric } = createMemoryTelemetry();
    const failure = { ...attempt, outcome: 'retry', delivery_latency_ms: null } as const;

    attemptFinished(telemetry, { ...failure, http_status_code: 503, error_code: 'http_status' });
    attemptFinished(telemetry, { ...failure, http_status_code: null, error_code: 'timeout' });

    expect(await metric('hook_delivery_failures_total', { http_status_code: '503', error_code: 'http_status' })).toBe(
      1,
    );
    expect(await metric('hook_delivery_failures_total', { http_status_code: 'none', error_code: 'timeout' })).toBe(1);
    expect(await metric('hook_delivery_success_total')).toBeUndefined();
  });
});

describe('what is refused at a limit', () => {
  it('is counted by limit, and an exceeded quota is one line', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    eventsRefused(telemetry, { count: 3 });
    managementRefused(telemetry);
    quotaExceeded(telemetry, { tenant_id: 'acme', quota: 'max_events_per_sec', limit: 100 });

    expect(await metric('hook_rate_limited_total', { limit: 'events_per_second' })).toBe(3);
    expect(await metric('hook_rate_limited_total', { limit: 'management_per_minute' })).toBe(1);
    expect(entries()).toMatchObject([{ level: 'warn', event: 'quota.exceeded', tenant_id: 'acme', limit: 100 }]);
  });
});

describe('metrics', () => {
  it('carry no ids', async () => {
    const { telemetry } = createMemoryTelemetry();

    eventAccepted(telemetry, { tenant_id: 'acme', event_id: 'evt-1', event_type: 'order.created', webhooks_queued: 1 });
    attemptFinished(telemetry, attempt);
    deliveryEnded(telemetry, { ...ids, reason: 'EXHAUSTED', attempts: 6 });
    new StartTelemetry(telemetry).failed('delivery-1', new Error('away'));

    expect(await telemetry.metrics.registry.metrics()).not.toMatch(/acme|delivery-1|webhook-1|evt-1/);
  });
});

describe('an accepted event', () => {
  it('is logged and counted', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();
    const fact = { tenant_id: 'acme', event_id: 'evt-1', event_type: 'order.created', webhooks_queued: 3 };

    eventAccepted(telemetry, fact);

    expect(entries()).toMatchObject([{ level: 'info', event: 'hook.dispatch_received', ...fact }]);
    expect(await metric('webhook_events_emitted_total', { type: 'order.created' })).toBe(1);
  });

  it('has a series of its own for the first hundred types only', async () => {
    const { telemetry, metric } = createMemoryTelemetry();
    const fact = { tenant_id: 'acme', event_id: 'evt-1', webhooks_queued: 3 };

    for (let n = 0; n < 150; n++) eventAccepted(telemetry, { ...fact, event_type: `type.n${n}` });
    eventAccepted(telemetry, { ...fact, event_type: 'type.n0' });

    expect(await metric('webhook_events_emitted_total', { type: 'type.n0' })).toBe(2);
    expect(await metric('webhook_events_emitted_total', { type: 'other' })).toBe(50);
  });
});

describe('a delivery that ended without success', () => {
  it('is a warning, counted by its reason', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    deliveryEnded(telemetry, { ...ids, reason: 'GONE', attempts: 1 });

    expect(entries()).toMatchObject([
      { level: 'warn', event: 'hook.dead_lettered', action: 'dlq_insert', ...ids, reason: 'GONE', attempts: 1 },
    ]);
    expect(await metric('hook_deliveries_ended_total', { reason: 'GONE' })).toBe(1);
    expect(await metric('hook_deliveries_dead_lettered_total')).toBe(1);
  });

  it('is no dead letter when somebody cancelled it', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    deliveryEnded(telemetry, { ...ids, reason: 'WEBHOOK_DELETED', attempts: 1 });

    expect(entries()).toMatchObject([{ level: 'warn', event: 'hook.delivery_cancelled', reason: 'WEBHOOK_DELETED' }]);
    expect(await metric('hook_deliveries_dead_lettered_total')).toBe(0);
  });
});

describe('a workflow start', () => {
  const away = new Error('Temporal is away');

  it.each(['eager', 'queued', 'running', 'closed'] as const)(
    'that was %s is counted and not logged',
    async (result) => {
      const { telemetry, lines, metric } = createMemoryTelemetry();

      new StartTelemetry(telemetry).succeeded(result);

      expect(await metric('hook_workflow_starts_total', { result })).toBe(1);
      expect(lines).toEqual([]);
    },
  );

  it('that failed is a warning with the error, and counted', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    new StartTelemetry(telemetry).failed('delivery-1', away);

    expect(entries()).toMatchObject([
      {
        level: 'warn',
        event: 'workflow.start_failed',
        delivery_id: 'delivery-1',
        err: { message: 'Temporal is away' },
      },
    ]);
    expect(await metric('hook_workflow_starts_total', { result: 'failed' })).toBe(1);
  });

  it('that fails after another is a line of level debug only, and counted as well', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();
    const starts = new StartTelemetry(telemetry);

    for (const id of ['delivery-1', 'delivery-2', 'delivery-3']) starts.failed(id, away);

    expect(entries()).toMatchObject([
      { level: 'warn', delivery_id: 'delivery-1' },
      { level: 'debug', event: 'workflow.start_failed', delivery_id: 'delivery-2', err: { message: away.message } },
      { level: 'debug', event: 'workflow.start_failed', delivery_id: 'delivery-3', err: { message: away.message } },
    ]);
    expect(await metric('hook_workflow_starts_total', { result: 'failed' })).toBe(3);
  });

  it('that succeeds after failures says once that starts work again', () => {
    const { telemetry, entries } = createMemoryTelemetry();
    const starts = new StartTelemetry(telemetry);
    starts.failed('delivery-1', away);
    starts.failed('delivery-2', away);

    starts.succeeded('queued');
    starts.succeeded('queued');

    expect(entries().slice(2)).toEqual([
      { level: 'info', time: expect.any(String) as string, event: 'workflow.starts_work_again', failed: 2 },
    ]);
  });

  it('that fails after starts worked again is a warning again', () => {
    const { telemetry, entries } = createMemoryTelemetry();
    const starts = new StartTelemetry(telemetry);
    starts.failed('delivery-1', away);
    starts.succeeded('eager');

    starts.failed('delivery-2', away);

    expect(entries().at(-1)).toMatchObject({ level: 'warn', delivery_id: 'delivery-2' });
  });
});

describe('a finished request', () => {
  const request = {
    request_id: 'req-1',
    method: 'POST',
    path: '/v1/events',
    status: 202,
    duration_ms: 12,
    tenant_id: 'acme',
  };

  it.each([
    ['/v1/events', 'info'],
    ['/health', 'debug'],
    ['/ready', 'debug'],
  ])('of %s is a line of level %s', (path, level) => {
    const { telemetry, entries } = createMemoryTelemetry();

    requestFinished(telemetry, { ...request, path });

    expect(entries()).toMatchObject([{ level, event: 'request.finished', ...request, path }]);
  });

  it('is measured by method and path, and counted by status', async () => {
    const { telemetry, metric } = createMemoryTelemetry();
    const route = { method: 'POST', path: '/v1/events' };

    requestFinished(telemetry, request);

    expect(await telemetry.metrics.registry.metrics()).toContain(
      'hook_api_duration_seconds_count{method="POST",path="/v1/events"} 1',
    );
    expect(await metric('hook_api_requests_total', { ...route, status: '202' })).toBe(1);
  });
});

describe('what fails in the servers beneath', () => {
  it('is an error with the name of the statement, and counted', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    databaseFailed(telemetry, 'events.accept', new Error('gone'));

    expect(entries()).toMatchObject([
      { level: 'error', event: 'hook.db_error', operation: 'events.accept', err: { message: 'gone' } },
    ]);
    expect(await metric('hook_db_errors_total', { operation: 'events.accept' })).toBe(1);
  });

  it('is measured for KMS as well, and told only when it failed', async () => {
    const { telemetry, entries, metric } = createMemoryTelemetry();

    kmsCalled(telemetry, { operation: 'check', seconds: 0.5 });
    kmsCalled(telemetry, { operation: 'check', seconds: 0.5, error: new Error('throttled') });

    expect(entries()).toMatchObject([
      { level: 'error', event: 'hook.kms_error', operation: 'check', err: { message: 'throttled' } },
    ]);
    expect(await metric('hook_kms_errors_total', { operation: 'check' })).toBe(1);
    expect(await telemetry.metrics.registry.metrics()).toContain(
      'hook_kms_duration_seconds_count{operation="check"} 2',
    );
  });
});

describe('other events', () => {
  it('are logged with their facts', () => {
    const { telemetry, entries } = createMemoryTelemetry();
    const change = { tenant_id: 'acme', webhook_id: 'webhook-1', state: 'disabled', reason: 'gone', actor: 'everhook' };

    claimsTakenOver(telemetry, { count: 7 });
    webhookStateChanged(telemetry, change);

    expect(entries()).toMatchObject([
      { level: 'info', event: 'outbox.claims_taken_over', count: 7 },
      { level: 'info', event: 'webhook.state_changed', ...change },
    ]);
  });
});

it('the reason of a change of state is logged without the secrets that somebody wrote into it', () => {
  const { telemetry, entries } = createMemoryTelemetry();
  const change = { tenant_id: 'acme', webhook_id: 'webhook-1', state: 'paused', actor: 'admin' };

  webhookStateChanged(telemetry, { ...change, reason: 'password=hunter2 got out' });

  expect(entries()[0]?.['reason']).toBe('password=***REDACTED*** got out');
});

describe('two systems in one process', () => {
  it('count apart', async () => {
    const one = createMemoryTelemetry();
    const other = createMemoryTelemetry();

    attemptFinished(one.telemetry, attempt);

    expect(await other.metric('webhook_deliveries_attempted_total', { status: 'success' })).toBeUndefined();
  });
});
