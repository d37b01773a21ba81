/**
 * A part of the set-up: `isReady(context)` tells whether there is anything to do, `make(context)` does it
 * and answers with a verb; `label` and `why` are what the reader sees meanwhile.
 */
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.mjs';
import { repositoryRoot } from './command.mjs';
import { withLock } from './lock.mjs';
import { say, showProgress } from './progress.mjs';

export function createContext({ root = repositoryRoot, env = process.env, log = say } = {}) {
  const logFile = (step) => join(root, '.everhook', 'setup-logs', `${step}.log`);
  return { root, env, log, logFile, cache: cacheFolder(env), found: {} };
}

/** Readiness is asked without the lock, for a warm start to be quick, and again once other runs are done. */
export async function bringUp(part, context) {
  if (await part.isReady(context)) return;
  const lock = join(context.root, '.everhook', 'setup.lock');
  await withLock(lock, { what: 'this checkout', log: context.log }, async () => {
    if (await part.isReady(context)) return;
    await showProgress({ ...part, log: context.log }, () => part.make(context));
  });
}
