/**
 * BullMQ as its users run it: one process accepts and adds jobs, another works on them. It keeps no attempts; what
 * has been done is removed. Redis appends every write to its log and syncs it each second, so that a second can be
 * lost.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Queue, Worker } from 'bullmq';
import { newId } from '../../../src/domain/ids';
import { serveAccept } from './accept-server';
import { benchSecret, closeAgent, post } from './post';

const connection = { url: process.env['REDIS_URL'] ?? '', maxRetriesPerRequest: null };
const name = 'deliveries';

interface Job {
  readonly id: string;
  readonly body: string;
}

function work(): void {
  const worker = new Worker<Job>(
    name,
    async ({ data: { id, body } }) => {
      const status = await post(id, body, benchSecret);
      if (status >= 300) throw new Error(`status ${status}`);
    },
    { connection, concurrency: 64, removeOnComplete: { count: 0 }, removeOnFail: { count: 1000 } },
  );
  process.on('disconnect', () => {
    void Promise.all([worker.close(), closeAgent()]).then(() => process.exit(0));
  });
  void worker.waitUntilReady().then(() => process.send?.('ready'));
}

async function serve(): Promise<void> {
  const worker = fork(__filename, ['work']);
  await once(worker, 'message');
  const queue = new Queue<Job>(name, { connection });
  await queue.waitUntilReady();
  serveAccept(
    async (body) => {
      await queue.add(
        'delivery',
        { id: newId(), body },
        { attempts: 5, backoff: { type: 'exponential', delay: 1_000 } },
      );
    },
    async () => {
      worker.disconnect();
      await queue.close();
    },
  );
}

if (process.argv[2] === 'work') work();
else void serve();
