import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createFanOut } from '../../src/store/fan-out';
import { ownType, publishedAttempt } from '../support/attempts';
import type { Answer } from '../support/receiver';
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

async function prepared(answer: Answer = 204, settings: Record<string, unknown> = {}) {
  const receiver = await system.startReceiver(answer);
  const input = await publishedAttempt(system, tenant, { url: receiver.url, event: ownType(), ...settings });
  return { receiver, input };
}

async function rowOf(deliveryId: string): Promise<Record<string, unknown>> {
  const [row = {}] = await system.database.query<Record<string, unknown>>(
    'SELECT * FROM hook.deliveries WHERE id = $1',
    [deliveryId],
  );
  return row;
}

async function setState(webhookId: string, state: string): Promise<void> {
  await system.database.query(
    'UPDATE hook.webhook_configs SET state = $2, state_version = state_version + 1 WHERE id = $1',
    [webhookId, state],
  );
}

/** What a control workflow does after a disable. */
async function cancelOvertaken(webhookId: string): Promise<void> {
  const fanOut = createFanOut(system.ctx.workerPool);
  const standing = await fanOut.standing(webhookId);
  if (!standing) throw new Error(`no webhook ${webhookId}`);
  await fanOut.cancel(webhookId, await fanOut.overtaken(webhookId, standing, 100));
}

describe('before the POST', () => {
  it('a disabled webhook cancels the delivery', async () => {
    const { receiver, input } = await prepared();
    await setState(input.webhook_id, 'disabled');

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'cancelled', reason: 'WEBHOOK_DISABLED', attempts: 0 });
    expect(receiver.arrivals).toHaveLength(0);
  });

  it('a webhook that was disabled meanwhile cancels the delivery although it is enabled again', async () => {
    const { receiver, input } = await prepared();
    for (const action of ['disable', 'enable'] as const) {
      const change = { tenantId: tenant.id, webhookId: input.webhook_id, action, reason: null, actor: { name: 'x' } };
      await system.ctx.changeState(change);
    }

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'cancelled', reason: 'WEBHOOK_DISABLED' });
    expect(receiver.arrivals).toHaveLength(0);
  });

  it('a deleted webhook cancels the delivery', async () => {
    const { receiver, input } = await prepared();
    await system.call('DELETE', `/v1/webhooks/${input.webhook_id}`, { token: tenant.token });

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'cancelled', reason: 'WEBHOOK_DELETED' });
    expect(receiver.arrivals).toHaveLength(0);
  });

  it('a paused webhook parks the delivery and remembers the version it saw', async () => {
    const { receiver, input } = await prepared();
    await setState(input.webhook_id, 'paused');

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'parked', attempts: 0 });
    expect(await rowOf(input.delivery_id)).toMatchObject({ status: 'PAUSED', parked_version: 2, claimed_until: null });
    expect(receiver.arrivals).toHaveLength(0);
  });

  it('an expired delivery is a dead letter, by the time of its workflow', async () => {
    const { receiver, input } = await prepared(204, { ttl_seconds: 600 });
    const inElevenMinutes = new Date(Date.now() + 11 * 60_000).toISOString();

    const result = await system.ctx.attempt({ ...input, at: inElevenMinutes });

    expect(result).toMatchObject({ outcome: 'permanent', reason: 'EXPIRED', error_code: null });
    expect(receiver.arrivals).toHaveLength(0);
  });

  it('a webhook with as many POSTs in flight as it may is busy', async () => {
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const { receiver, input } = await prepared((response) => void released.then(() => response.writeHead(204).end()), {
      max_in_flight: 1,
    });
    const [secondId = ''] = await system.publish(tenant, {
      type: (await system.delivery(tenant, input.delivery_id)).event_type,
    });

    const first = system.ctx.attempt({ ...input, policy: { ...input.policy, timeout_ms: 10_000 } });
    await waitFor(() => receiver.arrivals.length === 1);
    const second = await system.ctx.attempt({ ...input, delivery_id: secondId });
    release();

    expect(second).toMatchObject({ outcome: 'busy', attempts: 0 });
    expect(await first).toMatchObject({ outcome: 'success' });
  });
});

describe('the same attempt again', () => {
  it.each([204, 500, 400])('is answered from its record without a second POST (%d)', async (status) => {
    const { receiver, input } = await prepared(status);

    const first = await system.ctx.attempt(input);
    const second = await system.ctx.attempt(input);

    expect(second).toEqual(first);
    expect(receiver.arrivals).toHaveLength(1);
    expect(await rowOf(input.delivery_id)).toMatchObject({ attempts: 1 });
  });

  it('counts once although it is recorded many times at one moment', async () => {
    const { input } = await prepared(500);

    const results = await Promise.all(Array.from({ length: 5 }, () => system.ctx.attempt(input)));

    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['retry']));
    expect(await rowOf(input.delivery_id)).toMatchObject({ attempts: 1 });
  });

  it('on a later day, as after a reset, is answered from its record as well', async () => {
    const { receiver, input } = await prepared(500);
    await system.ctx.attempt(input);

    const tomorrow = new Date(Date.parse(input.at) + 23 * 3_600_000).toISOString();
    const again = await system.ctx.attempt({ ...input, at: tomorrow });

    expect(again).toMatchObject({ outcome: 'retry', attempts: 1 });
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('that met 410 disables the webhook if the first time could not', async () => {
    const { receiver, input } = await prepared(410);
    await system.ctx.attempt(input);
    await system.database.query(
      "UPDATE hook.webhook_configs SET state = 'active', last_disabled_at = NULL WHERE id = $1",
      [input.webhook_id],
    );

    const again = await system.ctx.attempt(input);

    expect(again).toMatchObject({ outcome: 'permanent', reason: 'GONE' });
    expect(receiver.arrivals).toHaveLength(1);
    const { body } = await system.call('GET', `/v1/webhooks/${input.webhook_id}`, { token: tenant.token });
    expect(body.data).toMatchObject({ state: 'disabled', state_reason: 'gone' });
  });

  it('that met 410 leaves a webhook alone that somebody has enabled since', async () => {
    const { input } = await prepared(410);
    await system.ctx.attempt(input);
    await system.call('POST', `/v1/webhooks/${input.webhook_id}/enable`, { token: tenant.token });

    await system.ctx.attempt(input);

    const { body } = await system.call('GET', `/v1/webhooks/${input.webhook_id}`, { token: tenant.token });
    expect(body.data).toMatchObject({ state: 'active' });
  });

  it('that met 410 is not cancelled for the disabling that it brought about', async () => {
    const { input } = await prepared(410);
    await system.ctx.attempt(input);

    await cancelOvertaken(input.webhook_id);
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'GONE', 0);

    expect(await rowOf(input.delivery_id)).toMatchObject({ status: 'DEAD_LETTER', reason: 'GONE' });
  });

  it('of an earlier try, as after a reset, keeps the number it had', async () => {
    const { receiver, input } = await prepared(500);
    await system.ctx.attempt(input);
    await system.ctx.attempt({ ...input, try: 2 });

    const again = await system.ctx.attempt(input);

    expect(again).toMatchObject({ outcome: 'retry', attempts: 1 });
    expect(receiver.arrivals).toHaveLength(2);
  });
});

describe('a delivery that is cancelled while its POST is under way', () => {
  const whileUnderWay = async (status: number) => {
    const open: ServerResponse[] = [];
    const { input } = await prepared((response) => open.push(response));
    const result = system.ctx.attempt(input);
    await waitFor(() => open.length === 1, 'the request');
    await system.call('POST', `/v1/webhooks/${input.webhook_id}/disable`, { token: tenant.token });
    await cancelOvertaken(input.webhook_id);
    expect(await rowOf(input.delivery_id)).toMatchObject({ status: 'CANCELLED', reason: 'WEBHOOK_DISABLED' });
    open[0]?.writeHead(status).end();
    await result;
    return rowOf(input.delivery_id);
  };

  it('is delivered if it arrives', async () => {
    expect(await whileUnderWay(204)).toMatchObject({ status: 'SUCCESS', reason: null, last_status_code: 204 });
  });

  it('stays cancelled if it does not', async () => {
    expect(await whileUnderWay(500)).toMatchObject({ status: 'CANCELLED', reason: 'WEBHOOK_DISABLED', attempts: 1 });
  });
});

describe('a delivery that has ended', () => {
  it('is not sent by a run that Everhook started for the same replay', async () => {
    const { receiver, input } = await prepared();
    await system.ctx.attempt(input);

    const result = await system.ctx.attempt({ ...input, run_id: randomUUID() });

    expect(result).toMatchObject({ outcome: 'ended' });
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('is replayed by a run that a person started, with its own time and numbers', async () => {
    const { receiver, input } = await prepared(500);
    await system.ctx.attempt(input);
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'EXHAUSTED', 0);
    receiver.answer = 204;

    const byHand = { ...input, run_id: randomUUID(), started_replay_no: null };
    const result = await system.ctx.attempt(byHand);

    expect(result).toMatchObject({ outcome: 'success', attempts: 1 });
    expect(receiver.arrivals.map(({ headers }) => headers['x-webhook-attempt'])).toEqual(['1', '2']);
    expect(await system.delivery(tenant, input.delivery_id)).toMatchObject({
      status: 'SUCCESS',
      replay_no: 1,
      attempts: 2,
      reason: null,
    });
  });

  it('opens one replay only, however often that run is repeated', async () => {
    const { input } = await prepared(500);
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'CANCELLED', 0);
    const byHand = { ...input, run_id: randomUUID(), started_replay_no: null };

    await system.ctx.attempt(byHand);
    await system.ctx.attempt(byHand);
    await system.ctx.attempt({ ...byHand, try: 2 });

    expect(await rowOf(input.delivery_id)).toMatchObject({ replay_no: 1, attempts: 2 });
    const audit = await system.database.query(
      `SELECT 1 FROM hook.audit_logs WHERE action = 'delivery.replayed' AND target = $1 AND actor = 'temporal-ui'`,
      [`delivery:${input.delivery_id}`],
    );
    expect(audit).toHaveLength(1);
  });

  it('leaves a replay that was opened since to its own run, even if a person started this one', async () => {
    const { receiver, input } = await prepared(500);
    const byHand = { ...input, started_replay_no: null };
    await system.ctx.attempt(byHand);
    await system.call('POST', `/v1/deliveries/${input.delivery_id}/cancel`, { token: tenant.token });
    await system.call('POST', `/v1/deliveries/${input.delivery_id}/replay`, { token: tenant.token });

    const results = [
      await system.ctx.attempt({ ...byHand, try: 2 }),
      await system.ctx.attempt({ ...input, run_id: randomUUID(), started_replay_no: 0 }),
    ];

    expect(results).toMatchObject([{ outcome: 'ended' }, { outcome: 'ended' }]);
    expect(receiver.arrivals).toHaveLength(1);
    expect(await rowOf(input.delivery_id)).toMatchObject({ status: 'PENDING', replay_no: 1, attempts: 1 });
  });

  it('tells how it ended', async () => {
    const { input } = await prepared(500);
    await system.ctx.attempt(input);
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'EXHAUSTED', 0);

    const result = await system.ctx.attempt({ ...input, run_id: randomUUID() });

    expect(result).toMatchObject({
      outcome: 'ended',
      status: 'DEAD_LETTER',
      reason: 'EXHAUSTED',
      last_status_code: 500,
    });
  });

  it('is not moved by a late attempt of an earlier replay, which is counted all the same', async () => {
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const { receiver, input } = await prepared((response) => void released.then(() => response.writeHead(500).end()));
    const late = system.ctx.attempt({ ...input, policy: { ...input.policy, timeout_ms: 10_000 } });
    await waitFor(() => receiver.arrivals.length === 1);
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'TERMINATED', 0);
    receiver.answer = 204;
    const byHand = { ...input, run_id: randomUUID(), started_replay_no: null };
    await system.ctx.attempt(byHand);

    release();
    await late;

    expect(await rowOf(input.delivery_id)).toMatchObject({
      status: 'SUCCESS',
      run_id: byHand.run_id,
      replay_no: 1,
      attempts: 2,
      last_status_code: 204,
    });
  });

  it('is not parked by a late attempt of an earlier replay', async () => {
    const { input } = await prepared();
    await setState(input.webhook_id, 'paused');
    const holder = await system.ctx.workerPool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM hook.webhook_configs WHERE id = $1 FOR UPDATE', [input.webhook_id]);
    const late = system.ctx.attempt(input);
    await waitFor(async () => {
      const waiting = await system.database.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    }, 'the attempt to be about to park');
    await system.call('POST', `/v1/deliveries/${input.delivery_id}/cancel`, { token: tenant.token });
    await system.call('POST', `/v1/deliveries/${input.delivery_id}/replay`, { token: tenant.token });

    await holder.query('ROLLBACK');
    holder.release();

    expect(await late).toMatchObject({ outcome: 'ended' });
    expect(await rowOf(input.delivery_id)).toMatchObject({
      status: 'PENDING',
      replay_no: 1,
      claimed_until: expect.any(Date),
    });
  });

  it('stays ended when a late attempt of its is recorded', async () => {
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const { receiver, input } = await prepared((response) => void released.then(() => response.writeHead(500).end()));

    const late = system.ctx.attempt({ ...input, policy: { ...input.policy, timeout_ms: 10_000 } });
    await waitFor(() => receiver.arrivals.length === 1);
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'CANCELLED', 0);
    release();
    await late;

    expect(await rowOf(input.delivery_id)).toMatchObject({ status: 'CANCELLED', attempts: 1, next_attempt_at: null });
  });
});

describe('the health of a webhook', () => {
  it('counts failures in a row and forgets them with a success', async () => {
    const { receiver, input } = await prepared(500);
    const health = async () =>
      (
        await system.database.query(
          'SELECT consecutive_failures, failing_since IS NOT NULL AS failing FROM hook.webhook_configs WHERE id = $1',
          [input.webhook_id],
        )
      )[0];

    await system.ctx.attempt(input);
    await system.ctx.attempt({ ...input, try: 2 });
    const failing = await health();
    receiver.answer = 204;
    await system.ctx.attempt({ ...input, try: 3 });

    expect(failing).toEqual({ consecutive_failures: 2, failing: true });
    expect(await health()).toEqual({ consecutive_failures: 0, failing: false });
  });
});

describe('an attempt whose record cannot be written', () => {
  it('is recorded, not sent again, when it is repeated', async () => {
    const { receiver, input } = await prepared(500);
    const refuse = async (how: string): Promise<void> => {
      await system.database.query(`ALTER TABLE hook.delivery_attempts ${how}`);
    };

    await refuse('ADD CONSTRAINT refused CHECK (false) NOT VALID');
    const first = system.ctx.attempt(input);
    await expect(first).rejects.toThrow('refused');
    await refuse('DROP CONSTRAINT refused');
    const again = await system.ctx.attempt(input);

    expect(again).toMatchObject({ outcome: 'retry', status: 500, attempts: 1 });
    expect(receiver.arrivals).toHaveLength(1);
    expect(await rowOf(input.delivery_id)).toMatchObject({ status: 'FAILED_RETRY', attempts: 1 });
  });
});

describe('a secret that cannot be decrypted', () => {
  it.each([
    ['it is that of another column', 'secret_enc = headers_enc'],
    ['it was never sealed', "secret_enc = 'whsec_in_clear'"],
    ['its headers were altered', "headers_enc = '{}'"],
  ])('because %s, makes the delivery a dead letter at once, sent to nobody', async (_why, change) => {
    const { receiver, input } = await prepared(204, { headers: { 'x-custom': 'v' } });
    await system.database.query(`UPDATE hook.webhook_configs SET ${change} WHERE id = $1`, [input.webhook_id]);

    const result = await system.ctx.attempt(input);

    expect(result).toMatchObject({ outcome: 'permanent', reason: 'SECRET_UNREADABLE', attempts: 0, error_code: null });
    expect(receiver.arrivals).toHaveLength(0);
  });

  it('because its data key is gone, neither', async () => {
    const { receiver, input } = await prepared();
    await system.database.query('DELETE FROM hook.data_keys WHERE tenant_id = $1', [tenant.id]);
    const cold = await TestSystem.start({ after: system });

    const result = await cold.ctx.attempt(input);

    await cold.stop({ keepData: true });
    expect(result).toMatchObject({ outcome: 'permanent', reason: 'SECRET_UNREADABLE', attempts: 0 });
    expect(receiver.arrivals).toHaveLength(0);
  });
});

describe('KMS away with a cold cache', () => {
  it('makes no attempt and blames nobody', async () => {
    const { receiver, input } = await prepared();
    const cold = await TestSystem.start({ after: system, env: { KMS_ENDPOINT: 'http://127.0.0.1:9' } });

    const attempt = cold.ctx.attempt(input);

    await expect(attempt).rejects.toThrow('KMS');
    await cold.stop({ keepData: true });
    expect(receiver.arrivals).toHaveLength(0);
    expect(await rowOf(input.delivery_id)).toMatchObject({ attempts: 0, status: 'PENDING' });
  });
});
