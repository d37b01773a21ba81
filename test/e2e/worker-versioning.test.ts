/** Worker Versioning as docs/upgrades.md sets it up: two releases on one task queue. */
import { randomUUID } from 'node:crypto';
import type { temporal } from '@temporalio/proto';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

jest.setTimeout(90_000);

type Version = temporal.api.deployment.v1.IWorkerDeploymentVersion;

const deploymentName = `everhook-${randomUUID()}`;
const taskQueue = `test-${randomUUID()}`;
const systems: TestSystem[] = [];

afterAll(async () => {
  // The first holds the database and the KMS of both.
  const [first, ...others] = systems;
  for (const other of others) await other.stop({ keepData: true });
  await first?.stop();
});

async function startRelease(buildId: string, after?: TestSystem): Promise<TestSystem> {
  const env = { TEMPORAL_TASK_QUEUE: taskQueue, WORKER_DEPLOYMENT_NAME: deploymentName, WORKER_BUILD_ID: buildId };
  const system = await TestSystem.start({ worker: true, env, ...(after && { after }) });
  systems.push(system);
  return system;
}

/** As `temporal worker deployment set-current-version` does. */
function setCurrent(system: TestSystem, buildId: string): Promise<unknown> {
  const { client } = system.ctx.temporal;
  // The server knows a version a moment after its worker polls.
  return waitFor(
    () =>
      client.workflowService
        .setWorkerDeploymentCurrentVersion({
          namespace: 'default',
          deploymentName,
          buildId,
          version: `${deploymentName}.${buildId}`,
          identity: 'test',
          ignoreMissingTaskQueues: true,
        })
        .catch(() => undefined),
    `${buildId} to be current`,
  );
}

async function versionOf(system: TestSystem, workflowId: string): Promise<{ behavior: unknown; version: Version }> {
  const { raw } = await system.ctx.temporal.client.workflow.getHandle(workflowId).describe();
  const { behavior, deploymentVersion } = raw.workflowExecutionInfo?.versioningInfo ?? {};
  return { behavior, version: deploymentVersion ?? {} };
}

/** Deliveries that keep a release from being stopped, by the query of docs/upgrades.md. */
async function runningOn(system: TestSystem, buildId: string): Promise<string[]> {
  const query = `WorkflowType = 'delivery' AND ExecutionStatus = 'Running' AND TemporalWorkerDeploymentVersion = '${deploymentName}:${buildId}'`;
  return waitFor(async () => {
    const found: string[] = [];
    for await (const { workflowId } of system.ctx.temporal.client.workflow.list({ query })) found.push(workflowId);
    return found.length > 0 && found;
  }, `a delivery on ${buildId}`);
}

it('a delivery ends on the release it began on, and the control workflow moves on', async () => {
  const first = await startRelease('r1');
  await setCurrent(first, 'r1');
  const tenant: TestTenant = await first.createTenant();
  const receiver = await first.startReceiver(503);
  const policy = { retry_policy: { delays_seconds: [3600] } };
  const webhook = await first.createWebhook(tenant, { url: receiver.url, ...policy });
  const [old = ''] = await first.publish(tenant);
  await first.deliveryWith(tenant, old, 'FAILED_RETRY');

  const second = await startRelease('r2', first);
  await setCurrent(second, 'r2');
  receiver.answer = 204;
  const [fresh = ''] = await second.publish(tenant);
  await second.deliveryWith(tenant, fresh, 'SUCCESS');
  expect(await runningOn(second, 'r1')).toEqual([`delivery:${old}`]);
  const { client } = second.ctx.temporal;
  await client.workflow.getHandle(`delivery:${old}`).signal('retryNow');
  await second.deliveryWith(tenant, old, 'SUCCESS');
  await client.workflow.getHandle(`webhook:${webhook.id}`).executeUpdate('pause');

  expect(await versionOf(second, `delivery:${old}`)).toMatchObject({ behavior: 1, version: { buildId: 'r1' } });
  expect(await versionOf(second, `delivery:${fresh}`)).toMatchObject({ behavior: 1, version: { buildId: 'r2' } });
  expect(await versionOf(second, `webhook:${webhook.id}`)).toMatchObject({ behavior: 2, version: { buildId: 'r2' } });
});
