/**
 * Finds the Temporal CLI, whose development server `npm start` and the tests run on, or gets it:
 * TEMPORAL_CLI_PATH, `temporal` on PATH, our cache, Temporal's download, a build with Go.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { outputOf, runLogged } from './child-process.mjs';
import { cacheFolder } from './cache-folder.mjs';
import { downloadArchive, temporalPlatform, temporalSite } from './download.mjs';
import { isExecutable } from './executable.mjs';
import { withLock } from './lock.mjs';
import { createContext } from './part.mjs';
import { SetupError } from './setup-error.mjs';
import { withTempFolder } from './temp-folder.mjs';

// Later tags cannot be built with `go install`.
const VERSION = '1.5.1';
const executable = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

export const temporalCli = {
  label: 'Temporal server',
  why: `getting the Temporal CLI ${VERSION}, once for all checkouts`,

  async isReady({ env, found }) {
    found.temporalCliPath = await findTemporalCli(env);
    return found.temporalCliPath !== undefined;
  },

  async make(context) {
    const { path, how } = await installTemporalCli(context);
    context.found.temporalCliPath = path;
    return how;
  },
};

/**
 * The path of a Temporal CLI that runs, installed if need be.
 *
 * @public
 * @throws SetupError that names the ways to get one
 */
export async function resolveTemporalCli(options = {}) {
  const context = { ...createContext(options), ...options };
  return (await findTemporalCli(context.env)) ?? (await installTemporalCli(context)).path;
}

async function findTemporalCli(env) {
  if (env.TEMPORAL_CLI_PATH) return requireExecutable(env.TEMPORAL_CLI_PATH);
  const onPath = findOnPath(env);
  if (onPath && isRecentEnough(await outputOf(onPath, ['--version'], env))) return onPath;
  const cached = cachedPath(env);
  return isExecutable(cached) ? cached : undefined;
}

async function installTemporalCli({ env, log, logFile, site = temporalSite }) {
  const goal = cachedPath(env);
  const lock = join(cacheFolder(env), 'temporal-cli.lock');
  return withLock(lock, { what: 'the Temporal CLI', log }, async () => {
    if (isExecutable(goal)) return { path: goal, how: 'found' };
    const onPath = findOnPath(env);
    if (onPath) log(`    Temporal server      ${onPath} is older than 1.5 and not used`);
    return withTempFolder(join(cacheFolder(env), 'temporal-cli', VERSION), async (folder) => {
      const how = await downloadOrBuild({ env, log, logFile, site, folder });
      mkdirSync(join(goal, '..'), { recursive: true });
      renameSync(join(folder, executable), goal);
      return { path: goal, how };
    });
  });
}

async function downloadOrBuild({ env, log, logFile, site, folder }) {
  try {
    await download(site, folder, logFile('temporal-cli-download'), env);
    return 'downloaded';
  } catch (error) {
    log(`    Temporal server      no download (${error.message.split('\n')[0]})`);
  }
  if (!isGoRecentEnough(await outputOf('go', ['version'], env))) {
    throw new SetupError(
      `The Temporal CLI is missing and can neither be downloaded from ${new URL(site).host} nor built, ` +
        'as there is no Go 1.24 or newer. Do one of these and start again: install the CLI ' +
        '(https://docs.temporal.io/cli) so that `temporal` is on PATH; set TEMPORAL_CLI_PATH to it; ' +
        'or install Go 1.24 or newer (https://go.dev/dl).',
    );
  }
  log('    Temporal server      building it with Go: a first build takes about 5 minutes on two cores');
  await runLogged(
    'go',
    ['install', '-trimpath', '-ldflags', '-s -w', `github.com/temporalio/cli/cmd/temporal@v${VERSION}`],
    {
      cwd: folder,
      env: { ...env, GOBIN: folder, GOTMPDIR: folder },
      logFile: logFile('temporal-cli-build'),
      failure:
        'The Temporal CLI could not be built with Go; installing it from https://docs.temporal.io/cli works as well',
    },
  );
  await requireRunning(join(folder, executable), env);
  return 'built';
}

async function download(site, folder, logFile, env) {
  const machine = temporalPlatform();
  if (!machine) throw new Error(`there is none for ${process.platform} on ${process.arch}`);
  const query = new URLSearchParams({ ...machine, format: 'tar.gz' });
  await downloadArchive(`${site}/cli/archive/v${VERSION}?${query}`, folder, logFile);
  await requireRunning(join(folder, executable), env);
}

/** A cut-off or foreign program must never reach the cache. */
async function requireRunning(path, env) {
  if ((await outputOf(path, ['--version'], env)) === undefined) throw new SetupError(`${path} does not run here.`);
}

function requireExecutable(path) {
  if (isExecutable(path)) return path;
  throw new SetupError(
    `TEMPORAL_CLI_PATH is set to ${path}, which is not a program that can be run: correct or unset it.`,
  );
}

function findOnPath(env) {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, executable)).find((path) => isExecutable(path));
}

function cachedPath(env) {
  return join(cacheFolder(env), 'temporal-cli', VERSION, executable);
}

/** A CLI built by hand calls itself 0.0.0-DEV; the server in it, 1.29 in CLI 1.5, tells its age. */
function isRecentEnough(output = '') {
  const cli = /version v?(\d+)\.(\d+)/.exec(output);
  const server = /Server v?(\d+)\.(\d+)/.exec(output);
  return isAtLeast(cli, 1, 5) || (output.includes('-DEV') && isAtLeast(server, 1, 29));
}

function isGoRecentEnough(output = '') {
  return isAtLeast(/go(\d+)\.(\d+)/.exec(output), 1, 24);
}

function isAtLeast(match, major, minor) {
  if (!match) return false;
  const [, foundMajor, foundMinor] = match.map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}
