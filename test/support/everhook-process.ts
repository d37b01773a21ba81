/** Everhook as a process of its own, on the database, Temporal server and KMS of a test system, to be killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectFolder } from '../../src/version';
import { environmentOf } from './environment';
import type { TestSystem } from './system';
import { waitFor } from './wait-for';

export type Role = 'api' | 'worker';

export interface EverhookProcess {
  readonly child: ChildProcess;
  /** Where its API listens, once it does. */
  apiUrl(): Promise<string>;
  /** What it has logged, one JSON object a line. */
  log(): Record<string, unknown>[];
  kill(): Promise<void>;
}

const children: ChildProcess[] = [];

/** For `afterAll`: no process outlives its test. */
export function killProcesses(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}

export function spawnEverhook(
  roles: readonly Role[],
  system: TestSystem,
  env: Record<string, string> = {},
): EverhookProcess {
  const main = join(projectFolder, 'dist', 'src', 'main.js');
  const child = spawn(process.execPath, [main, ...roles], { env: environmentOf(system, env) });
  const ended = once(child, 'exit');
  children.push(child);
  let output = '';
  // Read in any case: a full pipe would stop the process.
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  return {
    child,
    apiUrl: () => waitFor(() => /"apiUrl":"([^"]+)"/.exec(output)?.[1], `the API to listen: ${output}`),
    log: () =>
      output
        .split('\n')
        .slice(0, -1)
        // Node.js and its SDKs warn in words.
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
