import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { ownType, publishedAttempt } from '../support/attempts';
import { TestSystem, type TestTenant } from '../support/system';
import type { AttemptInput } from '../../src/temporal/contracts';
import type { Answer, Receiver } from '../support/receiver';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

/** Each webhook must stay below the tenant's limit of active ones, so each test has a tenant of its own. */
beforeEach(async () => {
  tenant = await system.createTenant();
});

async function attemptAt(
  answer: Answer,
  settings: Record<string, unknown> = {},
): Promise<{ input: AttemptInput; receiver: Receiver }> {
  const receiver = await system.startReceiver(answer);
  const input = await publishedAttempt(system, tenant, { url: receiver.url, event: ownType(), ...settings });
  return { input, receiver };
}

async function attemptsOf(input: AttemptInput): Promise<Record<string, unknown>[]> {
  const { body } = await system.call('GET', `/v1/deliveries/${input.delivery_id}/attempts`, { token: tenant.token });
  return body.data;
}

describe('an answer of the receiver', () => {
  it.each([200, 201, 202, 204, 299])('%d is success', async (status) => {
    const { input } = await attemptAt(status);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'success', status, attempts: 1 });
    expect(await system.delivery(tenant, input.delivery_id)).toMatchObject({
      status: 'SUCCESS',
      attempts: 1,
      last_status_code: status,
      last_error: null,
    });
  });

  it.each([
    [301, 'redirect_rejected', 'HTTP 301: Moved Permanently'],
    [308, 'redirect_rejected', 'HTTP 308: Permanent Redirect'],
    [408, 'http_status', 'HTTP 408: Request Timeout'],
    [425, 'http_status', 'HTTP 425: Too Early'],
    [429, 'http_status', 'HTTP 429: Too Many Requests'],
    [500, 'http_status', 'HTTP 500: Internal Server Error'],
    [503, 'http_status', 'HTTP 503: Service Unavailable'],
    [599, 'http_status', 'HTTP 599'],
  ])('%d is tried again', async (status, errorCode, lastError) => {
    const { input } = await attemptAt(status);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'retry', status, error_code: errorCode, attempts: 1 });
    const delivery = await system.delivery(tenant, input.delivery_id);
    expect(delivery).toMatchObject({ status: 'FAILED_RETRY', last_status_code: status, last_error: lastError });
    const inMs = Date.parse(delivery.next_attempt_at) - Date.parse(input.at);
    expect(inMs).toBeGreaterThanOrEqual(1000);
    expect(inMs).toBeLessThan(3000);
  });

  it.each([400, 401, 403, 404, 405, 422, 451])('%d is final', async (status) => {
    const { input } = await attemptAt(status);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'permanent', status, reason: 'REJECTED' });
  });

  it('410 is final and disables the webhook', async () => {
    const { input } = await attemptAt(410);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'permanent', status: 410, reason: 'GONE' });
    const { body } = await system.call('GET', `/v1/webhooks/${input.webhook_id}`, { token: tenant.token });
    expect(body.data).toMatchObject({ state: 'disabled', state_reason: 'gone', is_active: false });
    const audit = await system.database.query<{ actor: string }>(
      `SELECT actor FROM hook.audit_logs WHERE target = $1 AND action = 'webhook.disabled'`,
      [`webhook:${input.webhook_id}`],
    );
    expect(audit).toEqual([{ actor: 'everhook' }]);
  });

  it.each([
    ['3 seconds', '3', 3_000],
    ['a day at most', '999999', 86_400_000],
  ])('429 with a Retry-After of %s is honoured', async (_what, retryAfter, expectedMs) => {
    const { input } = await attemptAt((response) => response.writeHead(429, { 'retry-after': retryAfter }).end());

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'retry', retry_after_ms: expectedMs });
  });

  it('500 with a Retry-After is not', async () => {
    const { input } = await attemptAt((response) => response.writeHead(500, { 'retry-after': '300' }).end());

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'retry', retry_after_ms: null });
  });
});

describe('a receiver that misbehaves', () => {
  it.each<[string, (response: ServerResponse) => void, string]>([
    ['hangs', () => {}, 'timeout'],
    ['resets the connection', (response) => void response.socket?.resetAndDestroy(), 'connection_reset'],
    ['sends garbage', (response) => void response.socket?.end('this is not HTTP\r\n\r\n'), 'bad_response'],
    [
      'answers with a status beyond 599',
      (response) => void response.socket?.end('HTTP/1.1 999 Odd\r\n\r\n'),
      'bad_response',
    ],
  ])('%s: a failed attempt with its own error code', async (_what, answer, errorCode) => {
    const { input } = await attemptAt(answer);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'retry', status: null, error_code: errorCode });
    expect(await attemptsOf(input)).toMatchObject([
      { outcome: 'retry', error_code: errorCode, http_status_code: null },
    ]);
  });

  it('sends 100 MB: only the beginning is read, and a preview of it kept', async () => {
    const { input } = await attemptAt((response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      let sent = 0;
      const more = (): void => {
        while (sent++ < 100 && !response.destroyed)
          if (!response.write(chunk)) return void response.once('drain', more);
        response.end();
      };
      more();
    });
    const before = process.memoryUsage().arrayBuffers;

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'success', status: 200 });
    expect((await attemptsOf(input))[0]?.['response_body_preview']).toBe('x'.repeat(512));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
  });

  it('echoes a secret: the preview masks it', async () => {
    const { input } = await attemptAt((response) => response.writeHead(500).end('{"api_key":"abc123","ok":false}'));

    await system.ctx.attempt(input);

    const [attempt] = await attemptsOf(input);
    expect(attempt?.['response_body_preview']).toBe('{"api_key":"***REDACTED***","ok":false}');
  });

  it('is not there: connection_refused', async () => {
    const receiver = await system.startReceiver();
    const input = await publishedAttempt(system, tenant, { url: receiver.url, event: ownType() });
    await receiver.stop();

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'retry', error_code: 'connection_refused' });
  });
});

describe('an address that may not be contacted', () => {
  it('is final, and no connection is opened', async () => {
    const { input, receiver } = await attemptAt(200);
    // As if the configuration had been tightened since the webhook was created.
    await system.database.query('UPDATE hook.webhook_configs SET url = $2 WHERE id = $1', [
      input.webhook_id,
      'http://10.0.0.1/hook',
    ]);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'permanent', reason: 'ADDRESS_BLOCKED', error_code: 'address_blocked' });
    expect(receiver.arrivals).toHaveLength(0);
  });
});

describe('the request', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const payload = '{"n":12345678901234567890,"a":1,"a":2,"s":"\\u0000"}';

  async function arrivalOf(payloadText: string) {
    const receiver = await system.startReceiver();
    const type = ownType();
    await system.createWebhook(tenant, { url: receiver.url, event: type, secret, headers: { 'X-Own': 'value' } });
    const { body } = await system.call('POST', '/v1/events', {
      token: tenant.token,
      text: `{"id": "evt-${type}", "type": "${type}", "event_time": "2026-01-02T03:04:05Z", "payload": ${payloadText}}`,
    });
    const deliveryId: string = body.data.delivery_ids[0];
    const [{ webhook_id: webhookId } = { webhook_id: '' }] = await system.database.query<{ webhook_id: string }>(
      'SELECT webhook_id FROM hook.deliveries WHERE id = $1',
      [deliveryId],
    );
    await system.ctx.attempt({
      delivery_id: deliveryId,
      tenant_id: tenant.id,
      webhook_id: webhookId,
      run_id: 'run',
      try: 1,
      at: new Date().toISOString(),
      trigger: 'initial',
      policy: { delays_ms: [], timeout_ms: 1000, ttl_ms: 1000 },
      jitter: 0,
      started_replay_no: 0,
    });
    const [arrival] = receiver.arrivals;
    if (!arrival) throw new Error('nothing arrived');
    return { arrival, type, deliveryId, webhookId };
  }

  it('carries the payload byte for byte in the documented body', async () => {
    const { arrival, type, deliveryId, webhookId } = await arrivalOf(payload);

    expect(arrival.body).toBe(
      `{"id":"${deliveryId}","type":"${type}","timestamp":"2026-01-02T03:04:05.000Z",` +
        `"event_id":"evt-${type}","webhook_id":"${webhookId}","data":${payload}}`,
    );
  });

  it('carries the documented headers', async () => {
    const { arrival, type, deliveryId } = await arrivalOf('1');

    expect(arrival.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': deliveryId,
      'x-delivery-id': deliveryId,
      'x-webhook-event': type,
      'x-webhook-attempt': '1',
      'x-own': 'value',
      'accept-encoding': 'identity',
      'user-agent': expect.stringMatching(/^Everhook\/\d/),
    });
  });

  it('is verified by the standardwebhooks package', async () => {
    const { arrival } = await arrivalOf(payload);

    const verify = () => new Webhook(secret).verify(arrival.body, arrival.headers as Record<string, string>);

    expect(verify).not.toThrow();
  });

  it('is verified by a few lines of node:crypto', async () => {
    const { arrival } = await arrivalOf(payload);

    const timestamp = arrival.headers['x-webhook-timestamp'] as string;
    const expected = createHmac('sha256', secret).update(`${timestamp}.${arrival.body}`).digest('hex');

    expect(arrival.headers['x-webhook-signature']).toBe(`sha256=${expected}`);
  });
});
