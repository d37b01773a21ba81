/** The order of retention's steps, what staff see of it, and what a failing step does to the others. */
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import type { Activities } from '../../activities';
import { retentionScheduleId } from '../../src/temporal/retention-schedule';
import { maintenance, maintenanceStatusQuery } from '../../workflows/maintenance';
import { sharedServers } from '../support/shared-servers';
import { recordHistory } from '../support/record-history';
import { startTimeSkipping } from '../support/time-skipping';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
}, 60_000);

afterAll(() => env.teardown());

type Steps = Pick<
  Activities,
  'removeDeliveries' | 'dropAttemptPartitions' | 'removeAttempts' | 'removeEvents' | 'removeReplays' | 'removeAuditLogs'
>;

/** Activities that find nothing to do, but for what a test says; `calls` are the steps in order. */
function arrange(special: Partial<Steps> = {}) {
  const calls: string[] = [];
  const nothing = (name: string) => () => {
    calls.push(name);
    return Promise.resolve({ removed: 0, position: null });
  };
  const steps: Steps = {
    removeDeliveries: nothing('deliveries'),
    dropAttemptPartitions: nothing('partitions'),
    removeAttempts: nothing('attempts'),
    removeEvents: nothing('events'),
    removeReplays: nothing('replays'),
    removeAuditLogs: nothing('auditLogs'),
    ...special,
  };
  return { calls, steps };
}

type Handle = Awaited<ReturnType<typeof start>>;

function start(taskQueue: string) {
  return env.client.workflow.start(maintenance, { workflowId: `${retentionScheduleId}-${randomUUID()}`, taskQueue });
}

async function withRun<T>(activities: Steps, work: (handle: Handle) => Promise<T>): Promise<T> {
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: join(sharedServers().bundleFolder, 'workflow-bundle.js') },
    activities,
  });
  return worker.runUntil(async () => work(await start(taskQueue)));
}

const detailsOf = async (handle: Handle): Promise<string> =>
  (await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;

it('goes through all steps in order', async () => {
  const { calls, steps } = arrange();

  await withRun(steps, (handle) => handle.result());

  expect(calls).toEqual(['deliveries', 'partitions', 'attempts', 'events', 'replays', 'auditLogs']);
});

it('calls a step again from where it stopped, and shows what was removed', async () => {
  const positions: (string | null)[] = [];
  const { steps } = arrange({
    removeDeliveries: ({ position }) => {
      positions.push(position);
      return Promise.resolve({ removed: 10, position: positions.length < 3 ? `after ${positions.length}` : null });
    },
  });

  await withRun(steps, async (handle) => {
    const result = await handle.result();

    expect(positions).toEqual([null, 'after 1', 'after 2']);
    expect(result.deliveries).toEqual({ state: 'done', removed: 30, position: null });
    expect(await handle.query(maintenanceStatusQuery)).toEqual(result);
    expect(await detailsOf(handle)).toContain('| Deliveries that ended long ago | done | 30 |');
    await recordHistory(handle, 'retention-of-several-pages');
  });
});

it('goes on with the other steps when one fails, and fails at its end', async () => {
  const { calls, steps } = arrange({
    removeDeliveries: () => Promise.reject(new Error('permission denied')),
  });

  await withRun(steps, async (handle) => {
    const error: unknown = await handle.result().catch((error: unknown) => error);

    expect(error).toBeInstanceOf(WorkflowFailedError);
    const { cause } = error as WorkflowFailedError;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    expect(cause).toMatchObject({ type: 'RetentionIncomplete', message: 'Not done: deliveries' });
    expect(calls).toEqual(['partitions', 'attempts', 'events', 'replays', 'auditLogs']);
    expect(await detailsOf(handle)).toContain('| Deliveries that ended long ago | failed | 0 |');
    await recordHistory(handle, 'retention-with-a-failing-step');
  });
});
