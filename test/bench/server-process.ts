/** A server in a process of its own, pinned to one core where that can be done, and what it costs in CPU. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cpuMsOf } from './process-cpu';

export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  /** User and system time so far, in milliseconds; steps of ten. */
  cpuMs(): number;
  /** After a collection. */
  memory(): Promise<NodeJS.MemoryUsage>;
  /** What `/metrics` would say, where the program tells. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Compiled file to run; it calls `reportReady` when it listens. */
  readonly script: string;
  readonly env: Record<string, string>;
  /** Folder that gets a profile of the process; none is made when left out. */
  readonly profiles?: string | undefined;
  /** False leaves the choice of cores to the system. */
  readonly pin?: boolean;
}

/** Whether servers get core 0 and the rest of us the others. */
export const pinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Leaves core 0 to the servers. */
export function moveAside(): void {
  if (pinned) spawnSync('taskset', ['-a', '-c', '-p', `1-${availableParallelism() - 1}`, String(process.pid)]);
}

/** @throws Error when it ends before it listens */
export async function startServer({ script, env, profiles, pin = pinned }: ServerOptions): Promise<ServerProcess> {
  const node = [
    process.execPath,
    ...(profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]),
    script,
  ];
  const [command = '', ...args] = pin ? ['taskset', '-c', '0', ...node] : node;
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    // Its log is written as in production, and read by nobody.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const url = await Promise.race([
    once(child, 'message').then(([message]) => message as string),
    ended.then(() => Promise.reject(new Error(`${script} ended before it listened`))),
  ]);
  const ask = async <Answer>(question: Question): Promise<Answer> => {
    const answer = once(child, 'message');
    child.send(question);
    return (await answer)[0] as Answer;
  };
  return {
    url,
    memory: () => ask('memory'),
    metrics: () => ask('metrics'),
    pid: child.pid ?? 0,
    cpuMs: () => cpuMsOf(child.pid ?? 0),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.disconnect();
      await ended;
    },
  };
}

type Question = 'memory' | 'metrics';

/** In the server's process: tells the parent where it listens and what it is asked, and ends with the parent. */
export function reportReady(
  url: string,
  close: () => Promise<void>,
  metrics = (): Promise<string> => Promise.resolve(''),
): void {
  process.on('message', (question: Question) => {
    if (question === 'metrics') void metrics().then((text) => process.send?.(text));
    else {
      collectGarbage();
      process.send?.(process.memoryUsage());
    }
  });
  process.on('disconnect', () => {
    // A process that is ended by its parent's end must not wait for anything that hangs.
    setTimeout(() => process.exit(1), 5_000).unref();
    void close().then(() => process.exit(0));
  });
  process.send?.(url);
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
