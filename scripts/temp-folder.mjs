/**
 * Work in progress goes to a folder beside its goal and is renamed into place when whole.
 * The caller holds a lock, so every other such folder is the leftover of a dead run.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const openFolders = new Set();
process.on('exit', removeTempFolders);

/** Runs `work` with an empty folder named after `goal`, and removes what is left of it afterwards. */
export async function withTempFolder(goal, work) {
  const folder = `${goal}.tmp-${process.pid}`;
  sweep(goal);
  mkdirSync(folder, { recursive: true });
  openFolders.add(folder);
  try {
    return await work(folder);
  } finally {
    openFolders.delete(folder);
    remove(folder);
  }
}

export function removeTempFolders() {
  for (const folder of openFolders) remove(folder);
}

function sweep(goal) {
  mkdirSync(dirname(goal), { recursive: true });
  for (const name of readdirSync(dirname(goal))) {
    if (name.startsWith(`${basename(goal)}.tmp-`)) remove(join(dirname(goal), name));
  }
}

function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
