/**
 * `npm run dev`: the server, built and started again whenever a source changes.
 * A change that does not build is reported, and the server goes on as it was.
 */
import { existsSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runVisibly, startProgram } from './child-process.mjs';
import { repositoryRoot, runAsCommand } from './command.mjs';
import { readStamp } from './fingerprint.mjs';
import { killGroup } from './process-group.mjs';
import { say } from './progress.mjs';
import { partsForStart, setUp } from './setup.mjs';

const DEBOUNCE_MS = 200;
// The server drains what it is doing before it stops.
const STOP_LIMIT_MS = 30_000;

const program = join(repositoryRoot, 'dist', 'src', 'main.js');
const watchedRoots = ['src', 'workflows', 'activities'].map((name) => join(repositoryRoot, name));
const builder = fileURLToPath(new URL('build.mjs', import.meta.url));

async function develop() {
  const { temporalCliPath } = await setUp({ parts: partsForStart });
  const env = { ...process.env, TEMPORAL_CLI_PATH: temporalCliPath };
  let server = startServer(env);
  let builtStamp = stamp();

  await onEachChange(async () => {
    const code = await runVisibly(process.execPath, [builder], { cwd: repositoryRoot, env });
    if (code !== 0) say('  … the server goes on with the last good build');
    if (code !== 0 || stamp() === builtStamp) return;
    builtStamp = stamp();
    await stop(server);
    server = startServer(env);
  });
}

function startServer(env) {
  const child = startProgram(process.execPath, [program, 'start', ...process.argv.slice(2)], {
    cwd: repositoryRoot,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  child.once('exit', (code) => {
    if (code) say('  … the server has stopped; the next change starts it again');
  });
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  child.kill('SIGTERM');
  const limit = setTimeout(() => killGroup(child.pid, 'SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(limit);
}

/** Runs `react` for changes, one at a time; changes during a run lead to one more. Never returns. */
function onEachChange(react) {
  let timer;
  let reacting = false;
  let missed = false;
  return new Promise((_resolve, reject) => {
    const run = async () => {
      if (reacting) {
        missed = true;
        return;
      }
      reacting = true;
      try {
        do {
          missed = false;
          await react();
        } while (missed);
      } catch (error) {
        reject(error);
      }
      reacting = false;
    };
    watchFolders(() => {
      clearTimeout(timer);
      timer = setTimeout(() => void run(), DEBOUNCE_MS);
    });
  });
}

/**
 * Watches folder by folder: on Linux a recursive watch follows single files,
 * and loses one that an editor saves by putting a new file in its place.
 */
function watchFolders(onChange) {
  const watched = new Map();
  const watchNew = () => {
    for (const folder of watchedRoots.flatMap(withFoldersBelow)) {
      if (watched.has(folder)) continue;
      const watcher = watch(folder, () => {
        watchNew();
        onChange();
      });
      const forget = () => {
        watcher.close();
        watched.delete(folder);
      };
      watcher.on('error', forget);
      watched.set(folder, forget);
    }
    for (const [folder, forget] of watched) if (!existsSync(folder)) forget();
  };
  watchNew();
}

function withFoldersBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [folder, ...entries.flatMap((entry) => withFoldersBelow(join(folder, entry.name)))];
}

function stamp() {
  return readStamp(join(repositoryRoot, 'dist', '.everhook-build'));
}

runAsCommand(import.meta.url, develop, { graceMs: STOP_LIMIT_MS });
