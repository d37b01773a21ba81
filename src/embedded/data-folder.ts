/**
 * The folder that an embedded start keeps its data in: one owner at a time, private to its user.
 * The lock names its owner by pid and start time, so that neither a crash nor a pid given out again blocks a start.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { processStartTime } from './process';

export interface DataFolder {
  /** The real path of something inside the folder; without segments, of the folder itself. */
  path(...segments: string[]): string;
  /** Makes the secret on first use; later calls and later starts read the same one back. */
  secret(name: string, make: () => string): string;
  /** Gives the lock back; safe to call twice. */
  release(): void;
}

/** @throws Error of one sentence when a living process already has the folder. */
export function openDataFolder(path: string): DataFolder {
  makeFolder(resolve(path));
  const root = fs.realpathSync(resolve(path));
  const releaseLock = takeLock(join(root, 'lock'), root);
  let released = false;

  return {
    path: (...segments) => join(root, ...segments),
    secret: (name, make) => readOrMakeSecret(root, name, make),
    release() {
      if (released) return;
      released = true;
      releaseLock();
    },
  };
}

/** Step by step: making parents by itself, Node goes round for ever where a parent can hold no folder, as in /proc. */
function makeFolder(path: string): void {
  try {
    if (fs.existsSync(path) && fs.statSync(path).isDirectory()) return;
    if (!fs.existsSync(dirname(path))) makeFolder(dirname(path));
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new Error(`${path} cannot be made a folder (${code}); set EVERHOOK_DATA_DIR to another one`, {
      cause: error,
    });
  }
}

interface LockOwner {
  pid: number;
  startTime: string;
  /** Tells two locks of one process apart. */
  token: string;
}

/**
 * Linking a complete file into place creates the lock and its content in one step, so nobody reads half a lock.
 *
 * A dead owner's lock is replaced only by whoever holds a second lock, named after the dead one's token. It may
 * itself be left by a process that died in here, hence the recursion. Once it is held, nobody else can replace the
 * dead lock, and reading it again tells whether somebody already had.
 */
function takeLock(lockPath: string, root: string): () => void {
  const mine: LockOwner = { pid: process.pid, startTime: processStartTime(process.pid) ?? '', token: randomUUID() };
  const draft = `${lockPath}.${mine.token}`;
  fs.writeFileSync(draft, JSON.stringify(mine), { mode: 0o600, flag: 'wx' });

  try {
    for (;;) {
      if (linkIfAbsent(draft, lockPath)) break;

      const found = readLock(lockPath);
      if (found === undefined) continue;
      if (isAlive(found)) {
        throw new Error(
          `Everhook already runs on ${root} (pid ${found.pid}); stop it or set EVERHOOK_DATA_DIR to another folder`,
        );
      }

      const releaseTakeover = takeLock(`${lockPath}.over-${found.token}`, root);
      try {
        if (readLock(lockPath)?.token !== found.token) continue;
        fs.renameSync(draft, lockPath);
        break;
      } finally {
        releaseTakeover();
      }
    }
  } finally {
    fs.rmSync(draft, { force: true });
  }

  return () => {
    if (readLock(lockPath)?.token === mine.token) fs.rmSync(lockPath, { force: true });
  };
}

function linkIfAbsent(source: string, target: string): boolean {
  try {
    fs.linkSync(source, target);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when there is no lock any more. A lock that nobody can have written counts as a dead owner's. */
function readLock(lockPath: string): LockOwner | undefined {
  let text: string;
  try {
    text = fs.readFileSync(lockPath, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }

  try {
    const { pid, startTime, token } = JSON.parse(text) as LockOwner;
    if (Number.isSafeInteger(pid) && pid > 0 && /^[0-9a-f-]+$/.test(token)) return { pid, startTime, token };
  } catch {
    // Falls through to the dead owner below.
  }
  return { pid: 0, startTime: '', token: 'unreadable' };
}

function isAlive(owner: LockOwner): boolean {
  if (owner.pid === 0) return false;
  const startTime = processStartTime(owner.pid);
  return startTime !== undefined && startTime === owner.startTime;
}

function readOrMakeSecret(root: string, name: string, make: () => string): string {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new Error(`"${name}" cannot be the name of a secret`);
  const file = join(root, `${name}.secret`);

  if (fs.existsSync(file)) {
    const kept = fs.readFileSync(file, 'utf8');
    // A new secret in its place would silently make everything that the old one protects unreadable.
    if (kept === '') throw new Error(`${file} is empty; restore it or start with a new data folder`);
    return kept;
  }

  const secret = make();
  const draft = `${file}.${randomUUID()}`;
  const handle = fs.openSync(draft, 'wx', 0o600);
  try {
    fs.writeSync(handle, secret);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(draft, file);
  return secret;
}
