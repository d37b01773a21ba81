/**
 * Prometheus and promtool, with which the tests check deploy/prometheus: PROMETHEUS_FOLDER, PATH, our cache, Debian's
 * package, which is unpacked and not installed. Nothing else needs them, so where they cannot be had those tests are
 * skipped.
 */
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from './cache-folder.mjs';
import { runLogged } from './child-process.mjs';
import { isExecutable } from './executable.mjs';
import { withLock } from './lock.mjs';
import { SetupError } from './setup-error.mjs';
import { withTempFolder } from './temp-folder.mjs';

const LIMIT_MS = 60_000;

export const prometheus = {
  label: 'Prometheus',
  why: 'getting it from Debian, for the tests of its alerts, once for all checkouts',

  async isReady({ env, found }) {
    found.prometheusFolder = findPrometheus(env);
    return found.prometheusFolder !== undefined;
  },

  async make(context) {
    try {
      context.found.prometheusFolder = await unpackPrometheus(context);
      return 'unpacked';
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      context.log(`    Prometheus           ${error.message}`);
      return 'left out, its tests are skipped,';
    }
  },
};

function findPrometheus(env) {
  const given = env.PROMETHEUS_FOLDER;
  if (given && !hasPrograms(given)) {
    throw new SetupError(
      `PROMETHEUS_FOLDER is set to ${given}, where prometheus and promtool cannot be run: correct or unset it.`,
    );
  }
  if (given) return given;
  return [...(env.PATH ?? '').split(delimiter), cachedFolder(env)].find(hasPrograms);
}

const hasPrograms = (folder) => ['prometheus', 'promtool'].every((name) => isExecutable(join(folder, name)));

const cachedFolder = (env) => join(cacheFolder(env), 'prometheus', 'usr', 'bin');

async function unpackPrometheus({ env, log, logFile }) {
  if (process.platform !== 'linux') throw new SetupError('PROMETHEUS_FOLDER says where it is');
  return withLock(join(cacheFolder(env), 'prometheus.lock'), { what: 'Prometheus', log }, async () => {
    if (hasPrograms(cachedFolder(env))) return cachedFolder(env);
    const target = join(cacheFolder(env), 'prometheus');
    await withTempFolder(target, async (folder) => {
      const run = (command, args) =>
        runLogged(command, args, {
          cwd: folder,
          env,
          logFile: logFile('prometheus'),
          limitMs: LIMIT_MS,
          failure: 'Prometheus could not be had from Debian',
        });
      try {
        await run('apt-get', ['download', 'prometheus']);
      } catch (error) {
        if (!(error instanceof SetupError)) throw error;
        // Lists of packages may be missing, as in most containers; only root may fetch them.
        await run('apt-get', ['update']);
        await run('apt-get', ['download', 'prometheus']);
      }
      const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
      await run('dpkg-deb', ['-x', file, join(folder, 'unpacked')]);
      mkdirSync(join(target, '..'), { recursive: true });
      renameSync(join(folder, 'unpacked'), target);
    });
    return cachedFolder(env);
  });
}
