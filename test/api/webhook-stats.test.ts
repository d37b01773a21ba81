import { ulid } from 'ulid';
import { newId } from '../../src/domain/ids';
import { TestSystem, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
  webhookId = (await system.createWebhook(tenant, { url: 'https://example.com/' })).id;
});

afterAll(() => system.stop());

const stats = (query = '', id = webhookId) =>
  system.call('GET', `/v1/webhooks/${id}/stats${query}`, { token: tenant.token });
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

async function delivery(status: string, at: string, ofWebhook = webhookId): Promise<string> {
  const id = ulid(Date.parse(at));
  await system.database.query(
    `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at)
     VALUES ($1::text, $2, $3, $1::text, 'a', $4, '2040-01-01', $5)`,
    [id, tenant.id, ofWebhook, status, at],
  );
  return id;
}

async function attempt(outcome: string, durationMs: number, at: string): Promise<void> {
  await system.database.query(
    `INSERT INTO hook.delivery_attempts (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number,
       replay_no, trigger, outcome, duration_ms, attempted_at)
     VALUES ($1::timestamptz::date, $2, 'run', 1, $3, $4, 1, 0, 'schedule', $5, $6, $1::timestamptz)`,
    [at, newId(), tenant.id, webhookId, outcome, durationMs],
  );
}

describe('GET /v1/webhooks/:id/stats: 200', () => {
  it('tells how deliveries and attempts went in the last 24 hours, and what is open now', async () => {
    const at = hoursAgo(1);
    for (const status of ['SUCCESS', 'SUCCESS', 'SUCCESS', 'DEAD_LETTER', 'CANCELLED', 'PENDING', 'PAUSED']) {
      await delivery(status, at);
    }
    for (const status of ['IN_PROGRESS', 'FAILED_RETRY']) await delivery(status, at);
    await delivery('SUCCESS', hoursAgo(25));
    await delivery('FAILED_RETRY', hoursAgo(25));
    await delivery('DEAD_LETTER', at, newId());
    for (const [n, ms] of [10, 20, 30, 40].entries()) await attempt('success', ms, hoursAgo(n + 2));
    await attempt('retry', 5000, hoursAgo(3));
    await attempt('permanent', 50, hoursAgo(4));
    await attempt('success', 9999, hoursAgo(26));

    const answer = await stats();

    expectData(answer, 200);
    const { since, last_success_at: success, last_failure_at: failure, ...rest } = answer.body.data;
    expect(rest).toEqual({
      by_status: {
        PENDING: 1,
        IN_PROGRESS: 1,
        SUCCESS: 3,
        FAILED_RETRY: 1,
        PAUSED: 1,
        DEAD_LETTER: 1,
        CANCELLED: 1,
      },
      success_rate: 0.75,
      duration_ms: { p50: 30, p95: 5000 },
      queued: 4,
      in_flight: 1,
    });
    expect(hours(since)).toBeCloseTo(24, 1);
    expect(hours(success)).toBeCloseTo(2, 1);
    expect(hours(failure)).toBeCloseTo(3, 1);
  });

  it('goes back as far as it is asked to', async () => {
    await delivery('SUCCESS', hoursAgo(25));
    await attempt('success', 7, hoursAgo(25));
    const since = hoursAgo(26);

    const { body } = await stats(`?since=${since}`);

    expect(body.data).toMatchObject({ since, by_status: { SUCCESS: 1 }, duration_ms: { p50: 7, p95: 7 } });
  });

  it('has nothing to tell of a new webhook', async () => {
    const { body } = await stats(`?since=${hoursAgo(30 * 24)}`);

    expect(body.data).toMatchObject({
      success_rate: null,
      duration_ms: { p50: null, p95: null },
      queued: 0,
      in_flight: 0,
      last_success_at: null,
      last_failure_at: null,
    });
    expect(new Set(Object.values(body.data.by_status))).toEqual(new Set([0]));
  });

  const hours = (time: string) => (Date.now() - Date.parse(time)) / 3_600_000;
});

describe('GET /v1/webhooks/:id/stats: refused', () => {
  it.each([
    [`?since=${hoursAgo(30 * 24 + 1)}`, 'since'],
    ['?since=yesterday', 'since'],
    ['?until=2026-01-01T00:00:00Z', 'until'],
  ])('is 400 for %s', async (query, field) => {
    expectRefusal(await stats(query), 400, 'VALIDATION_ERROR', field);
  });

  it('is 404 for a webhook that is not there', async () => {
    expectRefusal(await stats('', newId()), 404, 'NOT_FOUND');
    expectRefusal(await stats('', 'abc'), 404, 'NOT_FOUND');
  });
});
