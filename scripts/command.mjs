/**
 * What the scripts have in common as commands: clear failures, and an end at once on Ctrl-C
 * that takes running children along and leaves neither locks nor half-made folders behind.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { endRunningPrograms } from './child-process.mjs';
import { releaseLocks } from './lock.mjs';
import { SetupError } from './setup-error.mjs';
import { removeTempFolders } from './temp-folder.mjs';

export const repositoryRoot = fileURLToPath(new URL('..', import.meta.url));

let ending = false;

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Runs `main` when the module is the program that was started, not when it is imported. */
export function runAsCommand(moduleUrl, main, options) {
  if (!process.argv[1] || pathToFileURL(realpathSync(process.argv[1])).href !== moduleUrl) return;
  const stopGuarding = endOnSignals(options);
  main({ stopGuarding }).then(stopGuarding, (error) => {
    // An interrupted program fails on its way out; the signal says all there is to say.
    if (ending) return;
    reportFailure(error);
    process.exit(1);
  });
}

/** A failure of the reader's machine is one sentence; anything else is our bug and shows where it happened. */
export function reportFailure(error) {
  const expected = error instanceof SetupError || error.syscall !== undefined;
  process.stderr.write(`\n${expected ? error.message : error.stack}\n`);
}

/**
 * @param options.graceMs how long children may take to stop by themselves; a second signal ends the wait
 * @returns a function that gives the signals back, for a program that goes on to handle them itself
 */
function endOnSignals({ graceMs = 300 } = {}) {
  const listener = (signal) => void end(signal, ending ? 0 : graceMs);
  const signals = Object.keys(signalNumbers);
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.removeListener(signal, listener);
  };
}

async function end(signal, graceMs) {
  ending = true;
  await endRunningPrograms(graceMs);
  removeTempFolders();
  releaseLocks();
  process.exit(128 + signalNumbers[signal]);
}
