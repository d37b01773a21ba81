/**
 * The Temporal server that runs on PostgreSQL, as in production, which only the measurements need:
 * TEMPORAL_SERVER_FOLDER, our cache, a build with Go. The folder holds `server` and `sql`, the tool for its schema.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.mjs';
import { outputOf, runLogged } from './child-process.mjs';
import { isExecutable } from './executable.mjs';
import { withLock } from './lock.mjs';
import { createContext } from './part.mjs';
import { SetupError } from './setup-error.mjs';
import { withTempFolder } from './temp-folder.mjs';

const VERSION = '1.31.2';
const module = 'go.temporal.io/server/cmd';

/**
 * The folder of a Temporal server, built if need be.
 *
 * @throws SetupError that says what is lacking
 */
export async function resolveTemporalServer(options = {}) {
  const { env, log, logFile } = createContext(options);
  const given = env.TEMPORAL_SERVER_FOLDER;
  if (given) {
    if (isComplete(given)) return given;
    throw new SetupError(`TEMPORAL_SERVER_FOLDER is set to ${given}, which lacks the programs \`server\` and \`sql\`.`);
  }
  const goal = join(cacheFolder(env), 'temporal-server', VERSION);
  return withLock(join(cacheFolder(env), 'temporal-server.lock'), { what: 'the Temporal server', log }, async () => {
    if (isComplete(goal)) return goal;
    if ((await outputOf('go', ['version'], env)) === undefined) {
      throw new SetupError(
        'The Temporal server for PostgreSQL is missing and cannot be built, as there is no Go (https://go.dev/dl). ' +
          'Install Go 1.26 or newer, or set TEMPORAL_SERVER_FOLDER to a folder with the programs `server` and `sql`.',
      );
    }
    log(`Building the Temporal server ${VERSION} with Go: a first build takes about 7 minutes on two cores`);
    await withTempFolder(goal, async (folder) => {
      const go = { cwd: folder, env: { ...env, GOBIN: folder, GOTMPDIR: folder }, logFile: logFile('temporal-server') };
      const failure = 'The Temporal server could not be built with Go';
      for (const program of ['server', 'tools/sql']) {
        const source = `${module}/${program}@v${VERSION}`;
        await runLogged('go', ['install', '-trimpath', '-ldflags', '-s -w', source], { ...go, failure });
      }
      mkdirSync(join(goal, '..'), { recursive: true });
      renameSync(folder, goal);
    });
    return goal;
  });
}

function isComplete(folder) {
  return ['server', 'sql'].every((program) => isExecutable(join(folder, program)));
}
