import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { WorkflowUpdateFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { Activities } from '../../activities';
import { controlWorkflowId, newId } from '../../src/domain/ids';
import type { CatchUpResult, WebhookControlStatus } from '../../src/temporal/contracts';
import { changedSignal, controlStatusQuery, webhookControl } from '../../workflows/webhook-control';
import { sharedServers } from '../support/shared-servers';
import { startTimeSkipping } from '../support/time-skipping';
import { waitFor } from '../support/wait-for';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
}, 60_000);

afterAll(() => env.teardown());

type ControlActivities = Pick<Activities, 'catchUp' | 'changeState' | 'replayMany'>;

const webhook = { state: 'active', state_reason: null, deleted: false, origin: 'https://example.com' } as const;

const caughtUp: CatchUpResult = {
  webhook,
  resumed: 0,
  cancelled: 0,
  replay: null,
  more: false,
};

/** Activities of a webhook on which nothing is to be done, but for what a test says. */
const activities = (special: Partial<ControlActivities> = {}): ControlActivities => ({
  catchUp: () => Promise.resolve(caughtUp),
  changeState: ({ action }) => Promise.resolve({ state: action === 'pause' ? 'paused' : 'active', changed: true }),
  replayMany: () => Promise.resolve({ replay_id: newId(), matched: 1 }),
  ...special,
});

async function withControl<T>(
  special: Partial<ControlActivities>,
  work: (handle: Awaited<ReturnType<typeof start>>) => Promise<T>,
): Promise<T> {
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: join(sharedServers().bundleFolder, 'workflow-bundle.js') },
    activities: activities(special),
  });
  return worker.runUntil(async () => work(await start(taskQueue)));
}

function start(taskQueue: string) {
  const id = newId();
  return env.client.workflow.start(webhookControl, {
    workflowId: controlWorkflowId(id),
    taskQueue,
    args: [{ webhook_id: id, tenant_id: 'acme' }],
  });
}

const deleted: CatchUpResult = { ...caughtUp, webhook: { ...webhook, deleted: true } };

describe('webhookControl', () => {
  it('looks at once for what was asked before it was there, and then waits', async () => {
    let looks = 0;
    const catchUp = () => {
      looks++;
      return Promise.resolve(caughtUp);
    };

    await withControl({ catchUp }, async (handle) => {
      await waitFor(() => looks === 1, 'the first look');
      await env.sleep('30 days');
      expect(looks).toBe(1);
      await handle.signal(changedSignal);
      await waitFor(() => looks === 2, 'the second look');
    });
  });

  it('goes on as long as there is more, summing up', async () => {
    const results: CatchUpResult[] = [
      { ...caughtUp, resumed: 500, more: true },
      { ...caughtUp, resumed: 20, replay: { replay_id: 'r', matched: 9, done: 4, state: 'running' }, more: true },
      { ...caughtUp, replay: { replay_id: 'r', matched: 9, done: 9, state: 'completed' } },
    ];

    const status = await withControl({ catchUp: () => Promise.resolve(results.shift() ?? caughtUp) }, (handle) =>
      waitFor(async () => {
        const status = await handle.query(controlStatusQuery);
        return status.replays[0]?.state === 'completed' && status;
      }),
    );

    expect(status).toMatchObject({ resumed: 520, replays: [{ replay_id: 'r', done: 9, matched: 9 }] });
  });

  it('tries again for as long as catching up fails', async () => {
    let tries = 0;
    const catchUp = (): Promise<CatchUpResult> => {
      tries++;
      return tries < 4 ? Promise.reject(new Error('Postgres is away')) : Promise.resolve(deleted);
    };

    await withControl({ catchUp }, (handle) => handle.result());

    expect(tries).toBe(4);
  });

  it('ends when its webhook is deleted and nothing is left to do, and not before', async () => {
    const results = [{ ...deleted, more: true }, deleted];

    await withControl({ catchUp: () => Promise.resolve(results.shift() as CatchUpResult) }, (handle) =>
      handle.result(),
    );

    expect(results).toEqual([]);
  });

  it('ends when there is no such webhook', async () => {
    await withControl({ catchUp: () => Promise.resolve({ ...caughtUp, webhook: null }) }, (handle) => handle.result());
  });

  it('answers a mistake with what is wrong, and no stack trace', async () => {
    await withControl({}, async (handle) => {
      const current = env.client.workflow.getHandle(handle.workflowId);

      const args = { args: [{ since: 'yesterday' }] as [unknown] };
      const error = await current.executeUpdate<unknown, [unknown]>('replay', args).catch((error: unknown) => error);

      const { cause } = error as WorkflowUpdateFailedError;
      expect(cause?.message).toMatch(/^since must be a date and time/);
      expect(cause?.stack).toBe('');
    });
  });

  it('goes on in a new run before its history is long, and forgets nothing that it shows', async () => {
    let looks = 0;
    const catchUp = () => {
      looks++;
      return Promise.resolve({
        ...caughtUp,
        replay: { replay_id: 'r', matched: 1, done: 1, state: 'completed' as const },
      });
    };

    await withControl({ catchUp }, async (handle) => {
      const current = env.client.workflow.getHandle(handle.workflowId);
      const runNow = async () => (await current.describe()).runId;
      // How many events an operation costs depends on how many of them meet in one workflow task.
      while ((await runNow()) === handle.firstExecutionRunId && (await current.describe()).historyLength < 10_000) {
        await Promise.all(
          Array.from({ length: 20 }, (_, i) => current.executeUpdate(i % 2 === 0 ? 'pause' : 'resume')),
        );
      }
      const { runId, historyLength } = await current.describe();
      expect(runId).not.toBe(handle.firstExecutionRunId);
      expect(historyLength).toBeLessThan(10_000);
      expect(await current.query<WebhookControlStatus>('status')).toMatchObject({ replays: [{ replay_id: 'r' }] });
    });
    expect(looks).toBeGreaterThan(1);
  }, 120_000);
});
