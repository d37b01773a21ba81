/** Replay, cancel and retry-now as the API promises them; what the workflows make of it is test/e2e/replay.test.ts. */
import { newId } from '../../src/domain/ids';
import { TestSystem, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;

beforeAll(async () => {
  // Without a worker, and Temporal is never reached: what is promised is in the database alone.
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
  webhookId = (await system.createWebhook(tenant, { url: 'https://example.com/', ttl_seconds: 600 })).id;
});

afterAll(() => system.stop());

const open = ['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED'];
const ended = ['SUCCESS', 'DEAD_LETTER', 'CANCELLED'];
const actions = ['replay', 'cancel', 'retry-now'] as const;

const act = (id: string, action: (typeof actions)[number], options: { body?: unknown } = {}) =>
  system.call('POST', `/v1/deliveries/${id}/${action}`, { token: tenant.token, ...options });

async function deliveryThatIs(status: string): Promise<string> {
  const [id = ''] = await system.publish(tenant);
  await system.database.query(
    `UPDATE hook.deliveries
     SET status = $2, reason = CASE $2 WHEN 'DEAD_LETTER' THEN 'EXHAUSTED' WHEN 'CANCELLED' THEN 'CANCELLED' END,
         attempts = 6, run_id = 'run-0', last_status_code = 503, last_error = 'HTTP 503', claimed_by = NULL,
         claimed_until = NULL, expires_at = now() - interval '1 day',
         next_attempt_at = CASE $2 WHEN 'FAILED_RETRY' THEN now() + interval '1 hour' END,
         completed_at = CASE WHEN $3 THEN now() END, resolved_at = CASE WHEN $3 THEN now() END,
         resolved_by = CASE WHEN $3 THEN 'somebody' END, parked_version = CASE $2 WHEN 'PAUSED' THEN 1 END
     WHERE id = $1`,
    [id, status, ended.includes(status)],
  );
  return id;
}

async function rowOf(id: string): Promise<Record<string, unknown>> {
  const [row = {}] = await system.database.query<Record<string, unknown>>(
    `SELECT *, extract(epoch FROM expires_at - now())::integer AS lives, claimed_until > now() AS held,
            replayed_at > now() - interval '1 minute' AS just_replayed
     FROM hook.deliveries WHERE id = $1`,
    [id],
  );
  return row;
}

const auditOf = (id: string) =>
  system.database.query('SELECT action, actor, details FROM hook.audit_logs WHERE target = $1', [`delivery:${id}`]);

describe('POST /v1/deliveries/:id/replay: 202', () => {
  it.each(ended)('opens the next replay of one that is %s, claimed and with its own time', async (status) => {
    const id = await deliveryThatIs(status);

    const answer = await act(id, 'replay');

    expectData(answer, 202);
    expect(answer.body.data).toMatchObject({ id, status: 'PENDING', reason: null, replay_no: 1, attempts: 6 });
    expect(answer.body.data).toMatchObject({ completed_at: null, last_error: null, created_at: expect.any(String) });
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: 'PENDING', reason: null, replay_no: 1, attempts: 6, attempts_at_replay: 6 });
    expect(row).toMatchObject({ completed_at: null, next_attempt_at: null, resolved_at: null, resolved_by: null });
    expect(row).toMatchObject({ claimed_by: system.ctx.outbox.claim.by, held: true, just_replayed: true });
    expect(row['lives']).toBeGreaterThan(590);
    expect(row['lives']).toBeLessThanOrEqual(600);
    expect(await auditOf(id)).toEqual([
      { action: 'delivery.replayed', actor: `client:${tenant.clientId}`, details: { replay_no: 1, from: status } },
    ]);
  });

  it('takes an empty object for a body, and answers without /v1', async () => {
    const [one, two] = [await deliveryThatIs('SUCCESS'), await deliveryThatIs('SUCCESS')];

    expect((await act(one, 'replay', { body: {} })).status).toBe(202);
    expect((await system.call('POST', `/v1/deliveries/${two}/replay`, { token: tenant.token })).status).toBe(202);
  });

  it('one of many that come at once opens it, and the others are refused', async () => {
    const id = await deliveryThatIs('DEAD_LETTER');

    const answers = await Promise.all(Array.from({ length: 8 }, () => act(id, 'replay')));

    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array<number>(7).fill(409)]);
    expect(await rowOf(id)).toMatchObject({ replay_no: 1 });
    expect(await auditOf(id)).toHaveLength(1);
  });

  it('goes to a paused webhook as well', async () => {
    const id = await deliveryThatIs('SUCCESS');
    await system.database.query("UPDATE hook.webhook_configs SET state = 'paused' WHERE id = $1", [webhookId]);

    expect((await act(id, 'replay')).status).toBe(202);
  });
});

describe('POST /v1/deliveries/:id/replay: 409', () => {
  it.each(open)('while it is %s', async (status) => {
    const id = await deliveryThatIs(status);
    const before = await rowOf(id);

    expectRefusal(await act(id, 'replay'), 409, 'INVALID_STATE');

    expect({ ...(await rowOf(id)), lives: 0 }).toEqual({ ...before, lives: 0 });
    expect(await auditOf(id)).toEqual([]);
  });

  it.each([
    ['disabled', "state = 'disabled'"],
    ['deleted', 'deleted_at = now()'],
  ])('when its webhook is %s', async (_what, change) => {
    const id = await deliveryThatIs('DEAD_LETTER');
    await system.database.query(`UPDATE hook.webhook_configs SET ${change} WHERE id = $1`, [webhookId]);

    expectRefusal(await act(id, 'replay'), 409, 'INVALID_STATE');

    expect(await rowOf(id)).toMatchObject({ status: 'DEAD_LETTER', replay_no: 0 });
  });
});

describe('POST /v1/deliveries/:id/cancel: 202', () => {
  it.each(open)('ends one that is %s, though Temporal is away', async (status) => {
    const id = await deliveryThatIs(status);

    const answer = await act(id, 'cancel');

    expectData(answer, 202);
    expect(answer.body.data).toMatchObject({ id, status: 'CANCELLED', reason: 'CANCELLED', next_attempt_at: null });
    expect(answer.body.data.completed_at).not.toBeNull();
    expect(await rowOf(id)).toMatchObject({
      status: 'CANCELLED',
      attempts: 6,
      claimed_until: null,
      parked_version: null,
    });
    expect(await auditOf(id)).toEqual([
      { action: 'delivery.cancelled', actor: `client:${tenant.clientId}`, details: { from: status } },
    ]);
  });
});

describe('POST /v1/deliveries/:id/cancel: 409', () => {
  it.each(ended)('when it is %s', async (status) => {
    const id = await deliveryThatIs(status);

    expectRefusal(await act(id, 'cancel'), 409, 'INVALID_STATE');

    expect(await rowOf(id)).toMatchObject({ status, resolved_by: 'somebody' });
    expect(await auditOf(id)).toEqual([]);
  });
});

describe('POST /v1/deliveries/:id/retry-now', () => {
  it.each([...open, ...ended].filter((status) => status !== 'FAILED_RETRY'))('is 409 when it is %s', async (status) => {
    expectRefusal(await act(await deliveryThatIs(status), 'retry-now'), 409, 'INVALID_STATE');
  });

  it('is 503 while Temporal is away', async () => {
    expectRefusal(await act(await deliveryThatIs('FAILED_RETRY'), 'retry-now'), 503, 'UNAVAILABLE');
  });
});

describe.each(actions)('POST /v1/deliveries/:id/%s', (action) => {
  it('is 404 for an id that is not there', async () => {
    expectRefusal(await act(newId(), action), 404, 'NOT_FOUND');
    expectRefusal(await act('abc', action), 404, 'NOT_FOUND');
  });

  it('is 400 with a field in its body', async () => {
    const id = await deliveryThatIs('SUCCESS');

    const answer = await act(id, action, { body: { force: true } });

    expect(answer.status).toBe(400);
    expect(await rowOf(id)).toMatchObject({ replay_no: 0 });
  });
});

describe('a run of an earlier replay', () => {
  it('ends nothing of the replay that was opened since, whoever started it', async () => {
    const id = await deliveryThatIs('DEAD_LETTER');
    await act(id, 'replay');
    const { deliveryEnds } = system.ctx;

    const ends = [
      await deliveryEnds.record(id, 'run-0', 'EXPIRED', 0),
      await deliveryEnds.record(id, 'run-0', 'CANCELLED', null),
      await deliveryEnds.record(id, null, 'TERMINATED', 0),
    ];

    expect(ends.map(({ changed }) => changed)).toEqual([false, false, false]);
    expect(await rowOf(id)).toMatchObject({ status: 'PENDING', held: true });
    expect(await deliveryEnds.record(id, 'run-1', 'EXPIRED', 1)).toMatchObject({ changed: true });
  });
});
