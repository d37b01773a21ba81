/**
 * Runs the set-up scripts as the processes they are: Jest on Node 20 cannot import ES modules.
 * Each test works in a folder of its own, with stand-ins for the programs that set-up calls.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const repositoryRoot = join(__dirname, '..', '..', '..');

export interface Finished {
  code: number | null;
  output: string;
}

export interface Running {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  output(): string;
  finished: Promise<Finished>;
}

/** A folder that is gone after the test. */
export function createFolders() {
  const folders: string[] = [];
  return {
    create(): string {
      const folder = mkdtempSync(join(tmpdir(), 'everhook-setup-'));
      folders.push(folder);
      return folder;
    },
    removeAll(): void {
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts a command like our own, with its handling of failures and signals.
 *
 * @param imports the set-up script that each imported name comes from
 * @param body statements that may await
 */
export function startCommand(imports: Record<string, string>, body: string, env: NodeJS.ProcessEnv = {}): Running {
  const folder = mkdtempSync(join(tmpdir(), 'everhook-command-'));
  const importLines = Object.entries({ runAsCommand: 'command.mjs', ...imports }).map(
    ([name, script]) => `import { ${name} } from '${pathToFileURL(join(repositoryRoot, 'scripts', script)).href}';`,
  );
  writeFileSync(
    join(folder, 'command.mjs'),
    `${importLines.join('\n')}\nrunAsCommand(import.meta.url, async () => {\n${body}\n});\n`,
  );
  const running = start([join(folder, 'command.mjs')], env);
  void running.finished.finally(() => rmSync(folder, { recursive: true, force: true }));
  return running;
}

export async function runCommand(
  imports: Record<string, string>,
  body: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  return startCommand(imports, body, env).finished;
}

export function start(args: string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, args, { env: { PATH: '/usr/bin:/bin', ...env }, stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    output: () => output,
    finished: new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, output }));
    }),
  };
}

/** A stand-in for a program: a shell script in a folder that a test puts on PATH. */
export function writeProgram(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

export function writeFiles(root: string, files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

/** A dead process that nobody has reaped yet counts as ended. */
export function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}
