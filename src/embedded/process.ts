/**
 * Starts and stops the child processes of an embedded start, in the order that we decide: each has its own process
 * group, so the terminal's Ctrl-C reaches only us. A child must not outlive us either: on Linux the kernel signals
 * it when we die, and everywhere the next start stops what it finds left over.
 */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessOptions {
  /** The noun used in errors, such as `PostgreSQL`. */
  name: string;
  command: string;
  args: string[];
  /** Default `/`, which every account can reach. */
  cwd?: string;
  /** The whole environment of the child: ours may hold settings that would change how it runs. */
  env?: Record<string, string>;
  /** Standard output and error are appended here. */
  logFile: string;
  /** Commands that each end by executing the rest of their arguments, to run the child under another account. */
  wrapper?: string[];
  uid?: number | undefined;
  gid?: number | undefined;
  /** Sent by the kernel when this process dies without having stopped the child. Linux only. */
  parentDeathSignal?: NodeJS.Signals;
}

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StopStep {
  signal: NodeJS.Signals;
  graceMs: number;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
  /** What `exited` resolves to, once it has. */
  exit(): ProcessExit | undefined;
  /** Called once if the process ends without `stop` having been called, at once if it already has. */
  onUnexpectedExit(listener: (exit: ProcessExit) => void): void;
  /** Sends each signal and waits its grace, then kills the group. Safe to call twice. */
  stop(...steps: StopStep[]): Promise<void>;
}

/** The only thing that a child's environment holds by default: ours may point somewhere its account cannot reach. */
export const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const largestLogBytes = 8 * 1024 * 1024;
const killWaitMs = 5_000;

/** @throws Error of one sentence when the command cannot be started at all. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { name } = options;
  const [command = options.command, ...args] = [
    ...(options.wrapper ?? []),
    ...parentDeathWrapper(options.parentDeathSignal),
    options.command,
    ...options.args,
  ];

  const log = openLog(options.logFile);
  const child = spawn(command, args, {
    cwd: options.cwd ?? '/',
    env: { PATH: searchPath, ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  fs.closeSync(log);

  let exit: ProcessExit | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    // Stays attached: a signal that cannot be sent is reported here as well, and must not end us.
    child.on('error', (cause) => reject(new Error(`${name} could not be started: ${cause.message}`, { cause })));
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${name} could not be started`);

  let stopping: Promise<void> | undefined;
  async function stopBy(steps: StopStep[]): Promise<void> {
    for (const { signal, graceMs } of steps) {
      if (exit !== undefined) return;
      child.kill(signal);
      await Promise.race([exited, delay(graceMs, undefined, { ref: false })]);
    }
    if (exit === undefined) killGroup(child.pid);
    await exited;
  }

  async function tellUnexpectedExit(listener: (exit: ProcessExit) => void): Promise<void> {
    const end = await exited;
    if (stopping === undefined) listener(end);
  }

  return {
    name,
    pid,
    exited,
    exit: () => exit,
    onUnexpectedExit(listener) {
      void tellUnexpectedExit(listener);
    },
    stop: (...steps) => (stopping ??= stopBy(steps)),
  };
}

/**
 * Stops a process that an earlier start left behind. It is left alone unless it is the same process (by start time,
 * where known) and its command line names our folder, because pids are given out again.
 *
 * @returns whether there was one
 * @throws Error of one sentence when it cannot be stopped
 */
export async function stopLeftover(leftover: {
  name: string;
  pid: number;
  startTime?: string;
  commandLineNames: string;
  steps: StopStep[];
}): Promise<boolean> {
  const { name, pid } = leftover;
  const startTime = processStartTime(pid);
  if (startTime === undefined) return false;
  if (leftover.startTime !== undefined && leftover.startTime !== startTime) return false;
  if (!processCommandLine(pid)?.includes(leftover.commandLineNames)) return false;

  const steps: StopStep[] = [...leftover.steps, { signal: 'SIGKILL', graceMs: killWaitMs }];
  for (const { signal, graceMs } of steps) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') break;
    }
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline) {
      if (processStartTime(pid) !== startTime) return true;
      await delay(25);
    }
  }
  throw new Error(`${name} of an earlier start still runs (pid ${pid}) and cannot be stopped; stop it by hand`);
}

/**
 * Together with the pid this names a process for good; the value itself is only good for comparing.
 * Undefined when no such process lives; a zombie does not.
 */
export function processStartTime(pid: number): string | undefined {
  if (process.platform !== 'linux') return psField(pid, 'lstart');
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the command's name, may itself hold spaces and parentheses.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

/** The arguments joined by spaces; undefined when there is no such process or it may not be read. */
export function processCommandLine(pid: number): string | undefined {
  if (process.platform !== 'linux') return psField(pid, 'command');
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return undefined;
  }
}

/** The end of a log, indented, for the error that tells why a process did not come up. */
export function logTail(logFile: string, lines = 12): string {
  let text: string;
  try {
    text = fs.readFileSync(logFile, 'utf8');
  } catch {
    return `(${logFile} cannot be read)`;
  }
  const last = text.trimEnd().split('\n').slice(-lines);
  return last.map((line) => `  ${line.slice(0, 400)}`).join('\n');
}

function psField(pid: number, field: string): string | undefined {
  const { status, stdout } = spawnSync('ps', ['-ww', '-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : undefined;
}

/**
 * `setpriv` sets the signal and then becomes the child, so the pid stays the child's own. The kernel ties it to the
 * thread that spawned: start processes from the main thread only.
 */
function parentDeathWrapper(signal: NodeJS.Signals | undefined): string[] {
  if (signal === undefined || process.platform !== 'linux') return [];
  const wrapper = ['setpriv', '--pdeathsig', signal.replace(/^SIG/, '')];
  const env = { PATH: searchPath };
  return spawnSync('setpriv', [...wrapper.slice(1), 'true'], { env, stdio: 'ignore' }).status === 0 ? wrapper : [];
}

/** Keeps one older log, so that a folder used for months does not grow without end. */
function openLog(logFile: string): number {
  fs.mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  if (fs.existsSync(logFile) && fs.statSync(logFile).size > largestLogBytes) fs.renameSync(logFile, `${logFile}.1`);
  return fs.openSync(logFile, 'a', 0o600);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
