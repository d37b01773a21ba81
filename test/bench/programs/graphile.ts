/**
 * graphile-worker as its users run it: jobs are rows of the same kind of Postgres, added by one process and worked
 * on by another. It keeps no attempts; what has been done is removed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { makeWorkerUtils, run, Logger } from 'graphile-worker';
import { newId } from '../../../src/domain/ids';
import { serveAccept } from './accept-server';
import { benchSecret, closeAgent, post } from './post';

const connectionString = process.env['DATABASE_URL'] ?? '';
const logger = new Logger(() => () => undefined);

interface Job {
  readonly id: string;
  readonly body: string;
}

async function work(): Promise<void> {
  const runner = await run({
    connectionString,
    logger,
    concurrency: 64,
    maxPoolSize: 20,
    noHandleSignals: true,
    taskList: {
      async deliver(payload) {
        const { id, body } = payload as Job;
        const status = await post(id, body, benchSecret);
        if (status >= 300) throw new Error(`status ${status}`);
      },
    },
  });
  process.on('disconnect', () => {
    void Promise.all([runner.stop(), closeAgent()]).then(() => process.exit(0));
  });
  process.send?.('ready');
}

async function serve(): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: 20 });
  await utils.migrate();
  const worker = fork(__filename, ['work']);
  await once(worker, 'message');
  serveAccept(
    async (body) => {
      await utils.addJob('deliver', { id: newId(), body } satisfies Job, { maxAttempts: 5 });
    },
    async () => {
      worker.disconnect();
      await utils.release();
    },
  );
}

if (process.argv[2] === 'work') void work();
else void serve();
