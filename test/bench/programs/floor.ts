/**
 * The bound of the workflow lane: accept over bare node:http, an eagerly started workflow, one activity that POSTs,
 * by a worker with Everhook's own settings. No database, no credentials, no signature, no gates, no records. Posts
 * to /local are made by a local activity, posts to /normal by a normal one: FLOOR says which.
 */
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection, bundleWorkflowCode } from '@temporalio/worker';
import type { Activities } from '../../../activities';
import { newId } from '../../../src/domain/ids';
import { createLogger } from '../../../src/telemetry/logger';
import { installRuntime } from '../../../src/temporal/runtime';
import { createWorker } from '../../../src/temporal/worker';
import { choosePort } from '../../../src/ports';
import { serveAccept } from './accept-server';
import { closeAgent, post } from './post';

const { TEMPORAL_ADDRESS: address = '', FLOOR: kind = 'local' } = process.env;
const taskQueue = `floor-${kind}`;
const workflowType = kind === 'local' ? 'floorLocal' : 'floorNormal';

async function main(): Promise<void> {
  const { port } = await choosePort({ name: "the SDK's metrics", preferred: 0, host: '127.0.0.1' });
  installRuntime(createLogger({ level: 'warn' }), `127.0.0.1:${port}`);
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(__dirname, 'floor-workflows.js'),
    preloadModules: ['@temporalio/workflow', '@temporalio/common'],
  });
  const bodies = new Map<string, string>();
  const activities = {
    async post(id: string): Promise<void> {
      const body = bodies.get(id);
      if (body === undefined) throw new Error(`no body for ${id}`);
      await post(id, body);
      bodies.delete(id);
    },
  };
  const connection = await NativeConnection.connect({ address });
  const worker = await createWorker({
    connection,
    namespace: 'default',
    taskQueue,
    workflowBundle: { code },
    activities: activities as unknown as Activities,
    maxConcurrentActivities: 100,
    maxCachedWorkflows: 300,
    shutdownGraceMs: 1_000,
  });
  const running = worker.run();
  const client = new Client({ connection });

  serveAccept(
    async (body) => {
      const id = newId();
      bodies.set(id, body);
      await client.workflow.start(workflowType, {
        workflowId: `floor:${id}`,
        taskQueue,
        args: [id],
        requestEagerStart: true,
      });
    },
    async () => {
      worker.shutdown();
      await running;
      await connection.close();
      await closeAgent();
    },
  );
}

void main();
