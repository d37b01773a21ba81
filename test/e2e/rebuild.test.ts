/** Temporal loses its database, or somebody ends workflows by hand: what is in Postgres goes on. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startTemporalServer, type TemporalServer } from '../../src/embedded/temporal-server';
import { choosePort } from '../../src/ports';
import { projectFolder } from '../../src/version';
import { environmentOf } from '../support/environment';
import { startReceiver } from '../support/receiver';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

const host = '127.0.0.1';
const sweeping = { RETRY_WORKER_INTERVAL_MS: '200', OUTBOX_CLAIM_MS: '1000' };

let folder: string;
const servers: TemporalServer[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'everhook-rebuild-'));
});

afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A Temporal server that remembers nothing. */
async function startTemporal(): Promise<TemporalServer> {
  const { port } = await choosePort({ name: 'Temporal', preferred: 0, host });
  const server = await startTemporalServer({
    cliPath: String(process.env['TEMPORAL_CLI_PATH']),
    host,
    port,
    logFile: join(folder, 'temporal.log'),
    namespace: 'default',
    retentionHours: 24,
  });
  servers.push(server);
  return server;
}

async function failing(system: TestSystem, tenant: TestTenant, count: number): Promise<string[]> {
  const ids = (await Promise.all(Array.from({ length: count }, () => system.publish(tenant)))).flat();
  await Promise.all(ids.map((id) => system.deliveryWith(tenant, id, 'FAILED_RETRY')));
  return ids;
}

describe('after Temporal has lost its database', () => {
  it('a rebuild starts what had not ended, with its attempts counted and when they are due', async () => {
    const lost = await startTemporal();
    const before = await TestSystem.start({ worker: true, env: { TEMPORAL_ADDRESS: lost.address } });
    const tenant = await before.createTenant();
    const receiver = await startReceiver(503);
    await before.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [3600, 3600] } });
    const ids = await failing(before, tenant, 20);
    receiver.answer = 204;
    const due = ids.slice(0, 10);
    await before.stop({ keepData: true });
    await lost.stop();

    const fresh = await startTemporal();
    const env = { TEMPORAL_ADDRESS: fresh.address };
    const after = await TestSystem.start({ worker: true, after: before, env });
    await after.database.query('UPDATE hook.deliveries SET next_attempt_at = now() WHERE id = ANY($1)', [due]);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(projectFolder, 'dist', 'src', 'main.js'), 'rebuild'],
      { env: environmentOf(after) },
    );
    const delivered = await Promise.all(due.map((id) => after.deliveryWith(tenant, id, 'SUCCESS')));

    expect(stdout).toContain('20 deliveries were started again');
    expect(delivered.map(({ attempts }) => attempts)).toEqual(due.map(() => 2));
    for (const id of ids.slice(10)) {
      expect(await after.delivery(tenant, id)).toMatchObject({ status: 'FAILED_RETRY', attempts: 1 });
    }
    expect(receiver.arrivals).toHaveLength(30);
    const [waiting = ''] = ids.slice(10);
    expect((await after.call('POST', `/v1/deliveries/${waiting}/retry-now`, { token: tenant.token })).status).toBe(202);
    expect(await after.deliveryWith(tenant, waiting, 'SUCCESS')).toMatchObject({ attempts: 2, replay_no: 0 });

    await after.stop();
    await receiver.stop();
  }, 90_000);

  it('the sweep starts what is overdue without anybody asking', async () => {
    const lost = await startTemporal();
    const before = await TestSystem.start({ worker: true, env: { TEMPORAL_ADDRESS: lost.address } });
    const tenant = await before.createTenant();
    const receiver = await startReceiver(503);
    await before.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [3600] } });
    const [id = ''] = await failing(before, tenant, 1);
    receiver.answer = 204;
    await before.stop({ keepData: true });
    await lost.stop();

    const fresh = await startTemporal();
    const after = await TestSystem.start({
      worker: true,
      after: before,
      env: { ...sweeping, TEMPORAL_ADDRESS: fresh.address },
    });
    await after.database.query("UPDATE hook.deliveries SET next_attempt_at = now() - interval '1 hour' WHERE id = $1", [
      id,
    ]);

    expect(await after.deliveryWith(tenant, id, 'SUCCESS')).toMatchObject({ attempts: 2 });
    await after.stop();
    await receiver.stop();
  }, 90_000);
});

describe('a delivery that was terminated by hand', () => {
  let system: TestSystem;
  let tenant: TestTenant;

  beforeAll(async () => {
    system = await TestSystem.start({ worker: true, env: sweeping });
    tenant = await system.createTenant();
  }, 60_000);

  afterAll(() => system.stop());

  const handle = (id: string) => system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`);

  it('while it waited for its retry ends CANCELLED, for the reason TERMINATED', async () => {
    const receiver = await system.startReceiver(503);
    await system.createWebhook(tenant, {
      url: receiver.url,
      event: 'a',
      retry_policy: { delays_seconds: [3600] },
    });
    const [id = ''] = await system.publish(tenant, { type: 'a' });
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');

    await handle(id).terminate();

    expect(await system.deliveryWith(tenant, id, 'CANCELLED')).toMatchObject({ reason: 'TERMINATED', attempts: 1 });
  });

  it('while it was parked does so too', async () => {
    const receiver = await system.startReceiver(503);
    const { id: webhookId } = await system.createWebhook(tenant, {
      url: receiver.url,
      event: 'b',
      retry_policy: { delays_seconds: [3600] },
    });
    const [id = ''] = await system.publish(tenant, { type: 'b' });
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');
    const change = { tenantId: tenant.id, webhookId, action: 'pause', reason: null, actor: { name: 'x' } } as const;
    await system.ctx.changeState(change);
    await system.call('POST', `/v1/deliveries/${id}/retry-now`, { token: tenant.token });
    await system.deliveryWith(tenant, id, 'PAUSED');

    await handle(id).terminate();

    expect(await system.deliveryWith(tenant, id, 'CANCELLED')).toMatchObject({ reason: 'TERMINATED' });
  });

  it('by a reset goes on, because it runs again', async () => {
    const receiver = await system.startReceiver(503);
    await system.createWebhook(tenant, { url: receiver.url, event: 'c', retry_policy: { delays_seconds: [3600] } });
    const [id = ''] = await system.publish(tenant, { type: 'c' });
    await system.deliveryWith(tenant, id, 'FAILED_RETRY');
    const { client } = system.ctx.temporal;
    const { runId } = await handle(id).describe();
    // The first attempt runs inside the task, so that its record is there before the task has ended.
    const task = await waitFor(async () => {
      const { events } = await handle(id).fetchHistory();
      return events?.find(({ workflowTaskCompletedEventAttributes: done }) => done);
    }, 'the first workflow task to end');
    await client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: `delivery:${id}`, runId },
      reason: 'a test',
      workflowTaskFinishEventId: task.eventId ?? null,
      requestId: id,
    });

    // Another that is terminated after it tells that the sweep has been by.
    const [other = ''] = await system.publish(tenant, { type: 'c' });
    await system.deliveryWith(tenant, other, 'FAILED_RETRY');
    await handle(other).terminate();
    await waitFor(async () => (await system.delivery(tenant, other)).status === 'CANCELLED', 'the sweep to be by');

    expect(await system.delivery(tenant, id)).toMatchObject({ status: 'FAILED_RETRY', reason: null });
  });
});
