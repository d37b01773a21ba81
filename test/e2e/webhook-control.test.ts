/** What support staff do with a webhook in the Temporal UI, and what it does to the deliveries that wait. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import type { Receiver } from '../support/receiver';
import { recordHistory } from '../support/record-history';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;
let receiver: Receiver;
let webhookId: string;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, env: { OUTBOX_CLAIM_MS: '5000', RETRY_WORKER_INTERVAL_MS: '200' } });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
  receiver = await system.startReceiver();
  webhookId = (await system.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [3600] } })).id;
  await started();
});

afterAll(() => system.stop());

const get = async (path: string): Promise<ApiAnswer['body']> =>
  (await system.call('GET', path, { token: tenant.token })).body.data;
const post = (path: string, body?: unknown): Promise<ApiAnswer> =>
  system.call('POST', path, { token: tenant.token, body });
const control = () => system.ctx.temporal.client.workflow.getHandle(`webhook:${webhookId}`);

/** It is started along with the webhook, but after the answer. */
const started = () =>
  waitFor(
    () =>
      control()
        .describe()
        .catch(() => undefined),
    'the control workflow',
  );

/** As the UI's "Send Update" does. */
async function update(name: string, request?: unknown): Promise<unknown> {
  if (request === undefined) return control().executeUpdate(name);
  return control().executeUpdate<unknown, [unknown]>(name, { args: [request] });
}

/** What an update was refused with. */
async function refusal(name: string, request?: unknown): Promise<string | undefined> {
  const error = await update(name, request).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  return (error as WorkflowUpdateFailedError).cause?.message;
}

const webhook = (): Promise<ApiAnswer['body']> => get(`/v1/webhooks/${webhookId}`);
const auditOf = (action: string) =>
  system.database.query<{ actor: string }>(
    'SELECT actor FROM hook.audit_logs WHERE tenant_id = $1 AND action = $2 ORDER BY id',
    [tenant.id, action],
  );
const publishMany = async (count: number): Promise<string[]> =>
  (await Promise.all(Array.from({ length: count }, () => system.publish(tenant)))).flat();
const allWith = (ids: readonly string[], status: string) =>
  Promise.all(ids.map((id) => system.deliveryWith(tenant, id, status)));

describe('the control workflow', () => {
  it('is there once the webhook is', async () => {
    const { status } = await started();

    expect(status.name).toBe('RUNNING');
  });

  it('is started again by the next start of a worker when somebody has ended it', async () => {
    await update('pause');
    await control().terminate();

    await waitFor(async () => {
      await system.ctx.control.heal();
      return (await control().describe()).status.name === 'RUNNING';
    }, 'the control workflow to run again');

    expect(await update('resume')).toMatchObject({ state: 'active' });
  });

  it('goes on in a new run when somebody requests its cancellation, still shows what it did, and answers', async () => {
    const { runId } = await started();
    const run = (id: string) => system.ctx.temporal.client.workflow.getHandle(`webhook:${webhookId}`, id);
    const shown = () => control().query<{ refused: string | null; replays: { state: string }[] }>('status');
    receiver.answer = 400;
    const ids = await publishMany(3);
    await allWith(ids, 'DEAD_LETTER');
    receiver.answer = 204;
    await update('pause', { reason: 'maintenance' });
    await update('replay', { since: '2026-01-01T00:00:00Z' });
    await allWith(ids, 'PAUSED');
    await update('resume');
    await allWith(ids, 'SUCCESS');
    await control().signal('replay', { since: 'yesterday' });
    await waitFor(async () => (await shown()).refused !== null, 'the refusal');

    await control().cancel();
    const next = await waitFor(async () => {
      const now = await control().describe();
      return now.runId !== runId && now.runId;
    }, 'the new run');

    expect(await shown()).toMatchObject({ replays: [{ state: 'completed', done: 3, matched: 3 }] });
    expect((await shown()).refused).toMatch(/^replay: /);
    expect(await update('pause')).toMatchObject({ state: 'paused' });
    expect((await control().describe()).status.name).toBe('RUNNING');
    await recordHistory(run(runId), 'control-of-many-operations');
    await recordHistory(run(next), 'control-goes-on-in-a-new-run');
  });

  it('ends with its webhook, whose waiting deliveries end CANCELLED', async () => {
    receiver.answer = 503;
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');

    await system.call('DELETE', `/v1/webhooks/${webhookId}`, { token: tenant.token });

    expect(await system.deliveryWith(tenant, id, 'CANCELLED')).toMatchObject({ reason: 'WEBHOOK_DELETED' });
    await waitFor(async () => (await control().describe()).status.name === 'COMPLETED', 'the control workflow to end');
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('says what it is and what can be asked of it', async () => {
    await update('pause', { reason: 'maintenance' });

    await waitFor(async () => {
      const { state, state_reason } = await control().query<{ state: string; state_reason: string }>('status');
      return state === 'paused' && state_reason === 'maintenance';
    }, 'the state to be shown');
    const metadata = await control().query<{ currentDetails: string; definition: object }>(
      '__temporal_workflow_metadata',
    );

    expect(metadata.currentDetails).toContain('**Webhook paused** (`maintenance`)');
    expect(metadata.currentDetails).toContain('`resume`');
    expect(JSON.stringify(metadata.definition)).toContain('Hold the deliveries back');
    expect(metadata.currentDetails).not.toContain('/hook');
  });
});

describe('pause and resume', () => {
  it('hold deliveries back and let them go on, none twice and none forgotten', async () => {
    await update('pause', { reason: 'maintenance' });
    const ids = await publishMany(30);
    await allWith(ids, 'PAUSED');
    expect(await webhook()).toMatchObject({ state: 'paused', state_reason: 'maintenance' });

    await update('resume');
    const deliveries = await allWith(ids, 'SUCCESS');

    expect(deliveries.map(({ attempts }) => attempts)).toEqual(ids.map(() => 1));
    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id']).sort()).toEqual([...ids].sort());
    expect(await auditOf('webhook.paused')).toEqual([{ actor: 'temporal-ui' }]);
    expect(await auditOf('webhook.resumed')).toEqual([{ actor: 'temporal-ui' }]);
  });

  it('work as signals as well', async () => {
    await control().signal('pause', { reason: 'by signal' });
    await waitFor(async () => (await webhook()).state === 'paused', 'the pause');
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'PAUSED');

    await control().signal('resume');

    await system.deliveryWith(tenant, id, 'SUCCESS');
  });

  it('reach deliveries although the poke got lost', async () => {
    await update('pause');
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'PAUSED');

    // As a process does that dies right after its commit.
    await system.database.query(
      `UPDATE hook.webhook_configs SET state = 'active', state_version = state_version + 1 WHERE id = $1`,
      [webhookId],
    );

    await system.deliveryWith(tenant, id, 'SUCCESS');
  });

  it('find a parked delivery whose run was ended by hand, and record it', async () => {
    receiver.answer = 503;
    const [id = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');
    await update('pause');
    await post(`/v1/deliveries/${id}/retry-now`);
    await system.deliveryWith(tenant, id, 'PAUSED');
    await system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`).terminate();

    await update('resume');

    expect(await system.deliveryWith(tenant, id, 'CANCELLED')).toMatchObject({ reason: 'TERMINATED' });
  });
});

describe('disable and enable', () => {
  it('end what waits as CANCELLED and start afresh', async () => {
    receiver.answer = 503;
    const [waiting = ''] = await system.publish(tenant);
    await system.deliveryWith(tenant, waiting, 'FAILED_RETRY');

    await update('disable');
    await update('enable');
    receiver.answer = 204;
    const [fresh = ''] = await system.publish(tenant);

    expect(await system.deliveryWith(tenant, waiting, 'CANCELLED')).toMatchObject({ reason: 'WEBHOOK_DISABLED' });
    await system.deliveryWith(tenant, fresh, 'SUCCESS');
    expect(receiver.arrivals).toHaveLength(2);
    const run = system.ctx.temporal.client.workflow.getHandle(`delivery:${waiting}`);
    await waitFor(async () => (await run.describe()).status.name === 'FAILED', 'the workflow that waited to end');
  });

  it('refuse at once what the state does not allow', async () => {
    await update('disable');

    expect(await refusal('resume')).toMatch(/disabled/);
    expect(await refusal('replay', { since: '2026-01-01T00:00:00Z' })).toMatch(/enable it first/);
  });
});

describe('a replay of many', () => {
  const since = '2026-01-01T00:00:00Z';

  async function deadLetters(count: number): Promise<string[]> {
    receiver.answer = 400;
    const ids = await publishMany(count);
    await allWith(ids, 'DEAD_LETTER');
    receiver.answer = 204;
    return ids;
  }

  it('asked for by the API sends each once more under its own id, and tells how far it is', async () => {
    const ids = await deadLetters(12);

    const dry = await post(`/v1/webhooks/${webhookId}/replay`, { since, dry_run: true });
    const { status, body } = await post(`/v1/webhooks/${webhookId}/replay`, { since });
    const deliveries = await allWith(ids, 'SUCCESS');

    expect(dry).toMatchObject({ status: 200, body: { data: { matched: 12 } } });
    expect(status).toBe(202);
    expect(body.data.matched).toBe(12);
    expect(deliveries.map(({ replay_no }) => replay_no)).toEqual(ids.map(() => 1));
    expect(receiver.arrivals).toHaveLength(24);
    const replay = await waitFor(async () => {
      const read = await get(`/v1/replays/${body.data.replay_id}`);
      return read.state === 'completed' && read;
    }, 'the replay to be completed');
    expect(replay).toMatchObject({ webhook_id: webhookId, matched: 12, done: 12, failed: 0 });
    const { replays } = await control().query<{ replays: object[] }>('status');
    expect(replays).toMatchObject([{ replay_id: body.data.replay_id, state: 'completed', done: 12, matched: 12 }]);
  });

  it('asked for in the Temporal UI does the same in its name', async () => {
    const ids = await deadLetters(3);

    const answer = await update('replay', { since, limit: 2 });
    await allWith(ids.toSorted().slice(0, 2), 'SUCCESS');

    expect(answer).toMatchObject({ matched: 2 });
    expect(await auditOf('webhook.replayed')).toEqual([{ actor: 'temporal-ui' }]);
    expect((await get(`/v1/deliveries/${ids.toSorted()[2]}`)).status).toBe('DEAD_LETTER');
  });

  it('of dead letters opens one replay for each webhook', async () => {
    const other = await system.createWebhook(tenant, { url: receiver.url, event_types: ['order.*'] });
    const ids = await deadLetters(2);

    const { status, body } = await post('/v1/dlq/retry', {});
    await allWith(ids, 'SUCCESS');

    expect(status).toBe(202);
    expect(body.data).toMatchObject({ matched: 4, replay_ids: [expect.any(String), expect.any(String)] });
    const replays = await get('/v1/replays');
    expect(replays.map((replay: { webhook_id: string }) => replay.webhook_id).sort()).toEqual(
      [webhookId, other.id].sort(),
    );
  });

  it('does not send again what fails again while it runs', async () => {
    const ids = await deadLetters(3);
    receiver.answer = 400;

    const { body } = await post(`/v1/webhooks/${webhookId}/replay`, { since });
    await waitFor(async () => (await get(`/v1/replays/${body.data.replay_id}`)).state === 'completed', 'the end');
    await waitFor(async () => {
      const deliveries = await Promise.all(ids.map((id) => system.delivery(tenant, id)));
      return deliveries.every(({ status, replay_no }) => status === 'DEAD_LETTER' && replay_no === 1);
    }, 'the replays to fail');

    expect(receiver.arrivals).toHaveLength(6);
  });

  it.each([
    ['without since', {}, /since is required/],
    ['from the future on', { since: '2999-01-01T00:00:00Z' }, /future/],
    ['with a field that is not there', { since, form: 'x' }, /no field form/],
    ['with a wrong status', { since, status: 'PENDING' }, /DEAD_LETTER/],
    ['with no types', { since, event_types: [] }, /event_types/],
    ['with too high a limit', { since, limit: 1e9 }, /limit/],
  ])('%s is refused at once', async (_name, request, message) => {
    expect(await refusal('replay', request)).toMatch(message);
  });

  it('refused as a signal is shown, and does no harm', async () => {
    await control().signal('replay', { since: 'yesterday' });

    const refused = await waitFor(
      async () => (await control().query<{ refused: string | null }>('status')).refused ?? undefined,
      'the refusal',
    );

    expect(refused).toMatch(/^replay: since must be a date and time/);
    expect(await update('pause')).toMatchObject({ state: 'paused' });
  });
});
