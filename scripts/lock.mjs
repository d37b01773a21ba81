/**
 * One run at a time works on a checkout or on the shared cache.
 * A lock names its holder by pid and start time, so the lock of a dead run is taken over even if its pid was reused.
 */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killGroup } from './process-group.mjs';
import { say } from './progress.mjs';

const POLL_MS = 200;
const REMINDER_MS = 10_000;

/** Stands for a lock that a full disk or an editor has spoilt: nobody can hold it. */
const unreadableHolder = { pid: 0 };

const heldLocks = new Map();
process.on('exit', releaseLocks);

/** Runs `work` while no other process holds the lock at `path`. */
export async function withLock(path, { what, log = say }, work) {
  await acquire(path, what, log);
  try {
    return await work();
  } finally {
    release(path);
  }
}

/** A child may outlive a killed holder: the next holder finds it in the lock and ends it before going on. */
export function noteChildInLocks(pid) {
  for (const [path, holder] of heldLocks) {
    holder.child = pid && { pid, startedAt: processStart(pid) };
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(holder));
    renameSync(`${path}.${process.pid}`, path);
  }
}

export function releaseLocks() {
  for (const path of heldLocks.keys()) release(path);
}

function release(path) {
  heldLocks.delete(path);
  rmSync(path, { force: true });
}

async function acquire(path, what, log) {
  let remindAt = 0;
  while (!tryAcquire(path)) {
    const holder = readHolder(path);
    if (holder && !isAlive(holder)) {
      takeOver(path, holder);
      continue;
    }
    if (holder && Date.now() >= remindAt) {
      log(`  … waiting for process ${holder.pid}, which is setting up ${what}`);
      remindAt = Date.now() + REMINDER_MS;
    }
    await delay(POLL_MS);
  }
}

/** Linking a written file into place makes the lock appear whole: no reader ever sees it empty. */
function tryAcquire(path) {
  const holder = { pid: process.pid, startedAt: processStart(process.pid) };
  const draft = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(draft, JSON.stringify(holder));
  try {
    linkSync(draft, path);
    heldLocks.set(path, holder);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moving the lock aside first leaves one winner when several runs find the same dead holder. */
function takeOver(path, deadHolder) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readHolder(aside);
  if (moved?.pid === deadHolder.pid && moved.startedAt === deadHolder.startedAt) {
    if (moved.child && isAlive(moved.child)) endChild(moved.child);
  } else {
    linkSync(aside, path);
  }
  rmSync(aside, { force: true });
}

/** Waits until it is gone: what it still writes would land in folders that the next run takes for clean. */
function endChild(child) {
  killGroup(child.pid, 'SIGKILL');
  const giveUpAt = Date.now() + 2_000;
  const tick = new Int32Array(new SharedArrayBuffer(4));
  while (isAlive(child) && Date.now() < giveUpAt) Atomics.wait(tick, 0, 0, 10);
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return error.code === 'ENOENT' ? undefined : unreadableHolder;
  }
}

function isAlive({ pid, startedAt }) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return startedAt === processStart(pid);
}

/** When the process started, in whatever form the platform gives; null where it gives none. */
function processStart(pid) {
  try {
    if (process.platform === 'linux') {
      // Fields 3 and 22 of the line; the command in field 2 may itself hold spaces and brackets.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // A container may have nobody to reap the dead.
      return fields[0] === 'Z' ? null : fields[19];
    }
    if (process.platform === 'win32') return null;
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}
