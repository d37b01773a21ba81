/**
 * `npm run load-test`: k6 publishes events to an Everhook that runs, and asks in the end whether all were delivered. Its
 * address and admin token come from EVERHOOK and ADMIN_TOKEN, as `npm start` prints them. Unless WEBHOOK_URL says where
 * events go, a receiver of its own on loopback takes them and counts.
 *
 * k6 is taken from PATH or built once with Go.
 */
import { renameSync } from 'node:fs';
import { createServer } from 'node:http';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runVisibly } from './child-process.mjs';
import { repositoryRoot, runAsCommand } from './command.mjs';
import { isExecutable } from './executable.mjs';
import { goInstall } from './go-install.mjs';
import { withLock } from './lock.mjs';
import { createContext } from './part.mjs';
import { SetupError } from './setup-error.mjs';
import { withTempFolder } from './temp-folder.mjs';

const k6Version = 'v1.0.0';

async function loadTest() {
  const { values } = parseArgs({
    options: {
      rate: { type: 'string', default: '50' },
      duration: { type: 'string', default: '30s' },
      lane: { type: 'string', default: 'workflow' },
    },
  });
  const { EVERHOOK, ADMIN_TOKEN } = process.env;
  if (!EVERHOOK || !ADMIN_TOKEN) {
    throw new SetupError('Set EVERHOOK and ADMIN_TOKEN to those of an Everhook that runs; `npm start` prints both.');
  }
  const k6 = await findK6();
  const receiver = process.env.WEBHOOK_URL ? undefined : await startReceiver();
  const settings = {
    EVERHOOK,
    ADMIN_TOKEN,
    WEBHOOK_URL: process.env.WEBHOOK_URL || receiver.url,
    RATE: values.rate,
    DURATION: values.duration,
    LANE: values.lane,
  };
  process.exitCode = await runVisibly(k6, ['run', '--no-usage-report', join('test', 'load', 'events.js')], {
    cwd: repositoryRoot,
    env: { ...process.env, ...settings },
  });
  if (!receiver) return;
  receiver.stop();
  const { arrived, repeated } = receiver;
  process.stdout.write(`The receiver has got ${arrived()} deliveries, and ${repeated()} of them again.\n`);
}

/** Answers 204 to everything. */
async function startReceiver() {
  const seen = new Set();
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    seen.add(request.headers['webhook-id']);
    request.resume().once('end', () => response.writeHead(204).end());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/load`,
    arrived: () => seen.size,
    repeated: () => requests - seen.size,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function findK6() {
  const { env, log, logFile, cache } = createContext();
  const folder = join(cache, 'k6', k6Version);
  const found = [...(env.PATH ?? '').split(delimiter), folder].map((each) => join(each, 'k6')).find(isExecutable);
  if (found) return found;
  return withLock(join(cache, 'k6.lock'), { what: 'k6', log }, async () => {
    if (isExecutable(join(folder, 'k6'))) return join(folder, 'k6');
    log(`building k6 ${k6Version} with Go: some minutes, once for all checkouts`);
    await withTempFolder(folder, async (newFolder) => {
      await goInstall([`go.k6.io/k6@${k6Version}`], newFolder, { env, logFile });
      renameSync(newFolder, folder);
    });
    return join(folder, 'k6');
  });
}

runAsCommand(import.meta.url, loadTest);
