/** max_dlq_size: what happens when a tenant has more dead letters than that. */
import { createActivities } from '../../activities';
import { DlqLimit, pauseForDlq } from '../../src/delivery/dlq-limit';
import { newId } from '../../src/domain/ids';
import { createDeadLetterHolders } from '../../src/store/dead-letter-holders';
import { createPrisma } from '../../src/store/prisma';
import type { StateAction } from '../../src/domain/webhook-state';
import { changeWebhookState } from '../../src/store/webhook-state';
import { ownType, publishedAttempt } from '../support/attempts';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const createWebhook = async (settings: object = {}): Promise<string> =>
  (await system.createWebhook(tenant, { url: 'https://example.com/', event_types: [ownType()], ...settings })).id;

/** Dead letters of the past. */
const addDeadLetters = (webhookId: string, count: number, on = system) =>
  on.database.query(
    `INSERT INTO hook.deliveries
       (id, tenant_id, webhook_id, event_id, event_type, status, reason, expires_at, completed_at)
     SELECT $4 || n, $1, $2, $4 || n, 'a', 'DEAD_LETTER', 'EXHAUSTED', now(), now() - interval '1 hour'
     FROM generate_series(1, $3::int) n`,
    [tenant.id, webhookId, count, newId()],
  );

/** A delivery of the webhook ends as its workflow would end it. */
async function endOne(webhookId: string, reason: 'EXHAUSTED' | 'CANCELLED' = 'EXHAUSTED'): Promise<string> {
  const { body } = await system.call('POST', `/v1/webhooks/${webhookId}/test`, { token: tenant.token });
  const { delivery_id } = body.data;
  const ids = { delivery_id, tenant_id: tenant.id, webhook_id: webhookId };
  await createActivities(system.ctx).endDelivery({ ...ids, run_id: 'run', started_replay_no: 0, reason });
  return delivery_id;
}

/** What a look at the tenant does, done at once. */
async function look(): Promise<void> {
  const { telemetry, workerPool } = system.ctx;
  const dlqLimit = new DlqLimit({
    telemetry,
    findLargestHolder: createDeadLetterHolders(workerPool),
    pause: (tenantId, webhookId) =>
      pauseForDlq({ telemetry, workerPrisma: createPrisma(workerPool), poke: () => {} }, tenantId, webhookId),
  });
  dlqLimit.note(tenant.id);
  await dlqLimit.stop();
}

const change = (webhookId: string, action: StateAction) =>
  createPrisma(system.ctx.workerPool).$transaction((tx) =>
    changeWebhookState(tx, { tenantId: tenant.id, webhookId, action, reason: 'manual', actor: { name: 'test' } }),
  );

const stateOf = async (webhookId: string): Promise<{ state: string; state_reason: string | null }> => {
  const { body } = await system.call('GET', `/v1/webhooks/${webhookId}`, { token: tenant.token });
  return { state: body.data.state, state_reason: body.data.state_reason };
};

const active = { state: 'active', state_reason: null };
const dlqFull = { state: 'paused', state_reason: 'dlq_full' };

const isPaused = (webhookId: string) =>
  waitFor(async () => (await stateOf(webhookId)).state === 'paused', `webhook ${webhookId} to be paused`);

const audit = (webhookId: string) =>
  system.database.query(
    `SELECT action, actor, details FROM hook.audit_logs WHERE target = $1 AND action = 'webhook.paused'`,
    [`webhook:${webhookId}`],
  );

const setLimit = (limit: number) =>
  system.database.query('UPDATE hook.quotas SET max_dlq_size = $2 WHERE tenant_id = $1', [tenant.id, limit]);

describe('the 101st dead letter', () => {
  it('lands, and pauses the webhook that holds the most, with an audit row', async () => {
    const [failing, healthy] = [await createWebhook(), await createWebhook()];
    await addDeadLetters(failing, 90);
    await addDeadLetters(healthy, 10);

    const id = await endOne(failing);

    await isPaused(failing);
    expect(await system.delivery(tenant, id)).toMatchObject({ status: 'DEAD_LETTER', reason: 'EXHAUSTED' });
    expect(await stateOf(failing)).toEqual(dlqFull);
    expect(await stateOf(healthy)).toEqual(active);
    expect(await audit(failing)).toEqual([
      {
        action: 'webhook.paused',
        actor: 'everhook',
        details: { from: 'active', to: 'paused', reason: 'dlq_full' },
      },
    ]);
  });

  it('pauses the one that holds the most, also when it is another that makes it', async () => {
    const [failing, other] = [await createWebhook(), await createWebhook()];
    await addDeadLetters(failing, 100);

    await endOne(other);

    await isPaused(failing);
    expect(await stateOf(other)).toEqual(active);
  });

  it('does so when a full queue makes it', async () => {
    const type = ownType();
    const full = await createWebhook({ event_types: [type], max_queue_size: 1 });
    await createWebhook({ event_types: [type] });
    await addDeadLetters(full, 100);
    await system.publish(tenant, { type });

    await system.publish(tenant, { type });

    await isPaused(full);
    expect(await stateOf(full)).toEqual(dlqFull);
  });

  it('does so when it is reported a second time, because the first report may have died with its process', async () => {
    const failing = await createWebhook();
    await addDeadLetters(failing, 100);
    const input = await publishedAttempt(system, tenant, { url: 'https://example.com/', event: ownType() });
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'EXHAUSTED', 0);

    await createActivities(system.ctx).endDelivery({ ...input, reason: 'EXHAUSTED' });

    await isPaused(failing);
  });

  it('is looked at before the process ends', async () => {
    const failing = await createWebhook();
    await addDeadLetters(failing, 101);
    const ending = await TestSystem.start({ after: system });

    ending.ctx.dlqLimit.note(tenant.id);
    await ending.stop({ keepData: true });

    expect(await stateOf(failing)).toEqual(dlqFull);
  });
});

describe('too many dead letters', () => {
  it('pause none at the limit, and one beyond it', async () => {
    const webhookId = await createWebhook();
    await addDeadLetters(webhookId, 100);
    await look();
    expect(await stateOf(webhookId)).toEqual(active);

    await addDeadLetters(webhookId, 1);
    await look();

    expect(await stateOf(webhookId)).toEqual(dlqFull);
  });

  it('spread evenly over three webhooks pause none', async () => {
    const ids = [await createWebhook(), await createWebhook(), await createWebhook()];
    for (const id of ids) await addDeadLetters(id, 50);

    await look();

    expect(await Promise.all(ids.map(stateOf))).toEqual([active, active, active]);
  });

  it('of two webhooks with half each pause the one with the latest', async () => {
    const ids = [await createWebhook(), await createWebhook()];
    for (const id of ids) await addDeadLetters(id, 51);
    await system.database.query(
      `UPDATE hook.deliveries SET completed_at = now() WHERE id = (SELECT id FROM hook.deliveries WHERE webhook_id = $1 LIMIT 1)`,
      [ids[0]],
    );

    await look();

    expect(await Promise.all(ids.map(stateOf))).toEqual([dlqFull, active]);
  });

  it.each(['pause', 'disable'] as const)('leave a webhook alone after %s, and the others too', async (action) => {
    const [stopped, other] = [await createWebhook(), await createWebhook()];
    await addDeadLetters(stopped, 90);
    await addDeadLetters(other, 20);
    await change(stopped, action);
    const before = await stateOf(stopped);
    const rows = await audit(stopped);

    await look();

    expect(await stateOf(stopped)).toEqual(before);
    expect(before.state_reason).toBe('manual');
    expect(await audit(stopped)).toEqual(rows);
    expect(await stateOf(other)).toEqual(active);
  });

  it('do not count those that are resolved, or of another tenant', async () => {
    const webhookId = await createWebhook();
    await addDeadLetters(webhookId, 101);
    await system.database.query(
      `UPDATE hook.deliveries SET resolved_at = now() WHERE id = (SELECT id FROM hook.deliveries WHERE webhook_id = $1 LIMIT 1)`,
      [webhookId],
    );
    const first = tenant;
    tenant = await system.createTenant();
    await addDeadLetters(await createWebhook(), 101);
    tenant = first;

    await look();

    expect(await stateOf(webhookId)).toEqual(active);
  });

  it('are as many as the quota says, also when that is all one can store', async () => {
    const webhookId = await createWebhook();
    await addDeadLetters(webhookId, 3);
    await setLimit(2 ** 31 - 1);
    await look();
    expect(await stateOf(webhookId)).toEqual(active);

    await setLimit(2);
    await look();

    expect(await stateOf(webhookId)).toEqual(dlqFull);
  });

  it('pause one webhook once when they come in a burst', async () => {
    const [failing, healthy] = [await createWebhook(), await createWebhook()];
    await setLimit(5);

    await Promise.all([...Array.from({ length: 30 }, () => endOne(failing)), endOne(healthy)]);

    await isPaused(failing);
    await Promise.all([look(), look(), look()]);
    expect(await audit(failing)).toHaveLength(1);
    expect(await stateOf(healthy)).toEqual(active);
  });

  it('are read from their index', async () => {
    await addDeadLetters('w', 20_000);
    await system.database.query('ANALYZE hook.deliveries');

    const plan = await system.database.query(
      `EXPLAIN SELECT webhook_id, completed_at FROM hook.deliveries
       WHERE tenant_id = $1 AND status = 'DEAD_LETTER' AND resolved_at IS NULL
       ORDER BY completed_at DESC, id DESC LIMIT 10000`,
      [tenant.id],
    );

    expect(JSON.stringify(plan)).toContain('Index Scan Backward using deliveries_dead_by_tenant');
  });
});

describe('a webhook that was paused so', () => {
  it('goes on after its dead letters were dealt with and it was resumed', async () => {
    const receiver = await system.startReceiver();
    const input = await publishedAttempt(system, tenant, { url: receiver.url, event: ownType() });
    await setLimit(1);
    const dead = [await endOne(input.webhook_id), await endOne(input.webhook_id)];
    await isPaused(input.webhook_id);
    expect(await system.ctx.attempt(input)).toMatchObject({ outcome: 'parked' });

    for (const id of dead) await system.call('DELETE', `/v1/dlq/${id}`, { token: tenant.token });
    await change(input.webhook_id, 'resume');
    await look();

    expect(await stateOf(input.webhook_id)).toEqual(active);
    expect(await system.ctx.attempt(input)).toMatchObject({ outcome: 'success' });
  });

  it('is not paused by deliveries that end otherwise', async () => {
    const webhookId = await createWebhook();
    await addDeadLetters(webhookId, 101);
    const note = jest.spyOn(system.ctx.dlqLimit, 'note');
    try {
      await endOne(webhookId, 'CANCELLED');

      expect(note).not.toHaveBeenCalled();
    } finally {
      note.mockRestore();
    }
  });
});
