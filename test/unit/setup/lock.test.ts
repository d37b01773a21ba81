/** The lock lets one set-up work at a time, and outlives no run: neither a killed one nor an interrupted one. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFolders, isRunning, runCommand, startCommand, until, writeProgram, type Running } from './scripts';

jest.setTimeout(30_000);

const folders = createFolders();
afterEach(() => folders.removeAll());

const imports = { withLock: 'lock.mjs', runLogged: 'child-process.mjs' };

function holdLock(lock: string, work: string): Running {
  return startCommand(
    imports,
    `await withLock(${JSON.stringify(lock)}, { what: 'this checkout' }, async () => { ${work} }); console.log('done');`,
  );
}

const forever = "console.log('holding'); await new Promise((resolve) => setTimeout(resolve, 60_000));";

function runChild(program: string, logFile: string): string {
  return `await runLogged(${JSON.stringify(program)}, [], { logFile: ${JSON.stringify(logFile)}, failure: 'It failed' });`;
}

function pidIn(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
}

describe('a lock that another run holds', () => {
  it('is waited for, with a line that names the holder', async () => {
    const lock = join(folders.create(), 'setup.lock');
    const gate = `${lock}-gate`;
    const first = holdLock(
      lock,
      `const { existsSync } = await import('node:fs');
         while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 20));`,
    );
    await until(() => existsSync(lock), 'the first run holds the lock');

    const second = holdLock(lock, '');
    await until(() => second.output() !== '', 'the second run says something');
    const whileWaiting = second.output();
    writeFileSync(gate, '');

    expect(whileWaiting).toContain(`waiting for process ${first.pid}`);
    expect(await second.finished).toMatchObject({ code: 0, output: expect.stringContaining('done') });
    expect(existsSync(lock)).toBe(false);
    await first.finished;
  });
});

describe('a lock whose holder is gone', () => {
  it('is taken over, and the child that the holder left is ended first', async () => {
    const folder = folders.create();
    const lock = join(folder, 'setup.lock');
    const program = writeProgram(join(folder, 'slow'), `echo $$ > ${folder}/child.pid; sleep 60`);
    const killed = holdLock(lock, runChild(program, join(folder, 'log')));
    await until(() => pidIn(join(folder, 'child.pid')) > 0, 'the child runs');
    const child = pidIn(join(folder, 'child.pid'));
    await until(() => readFileSync(lock, 'utf8').includes(`"pid":${child}`), 'the lock names the child');
    killed.kill('SIGKILL');
    await killed.finished;

    const next = await holdLock(lock, '').finished;

    expect(next).toMatchObject({ code: 0 });
    await until(() => !isRunning(child), 'the child is ended');
  });

  it('is taken over though its pid now belongs to another process', async () => {
    const lock = join(folders.create(), 'setup.lock');
    writeFileSync(lock, JSON.stringify({ pid: process.pid, startedAt: 'another time' }));

    const next = await holdLock(lock, '').finished;

    expect(next).toMatchObject({ code: 0 });
  });

  it('is taken over when a full disk has left it empty', async () => {
    const lock = join(folders.create(), 'setup.lock');
    writeFileSync(lock, '');

    const next = await holdLock(lock, '').finished;

    expect(next).toMatchObject({ code: 0 });
  });
});

describe('an interrupted run', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('leaves no lock and no child behind after %s, and answers %i', async (signal, expected) => {
    const folder = folders.create();
    const lock = join(folder, 'setup.lock');
    const program = writeProgram(
      join(folder, 'stubborn'),
      `trap '' TERM; sleep 60 & echo $! > ${folder}/child.pid; wait; sleep 60`,
    );
    const run = holdLock(lock, runChild(program, join(folder, 'log')));
    await until(() => pidIn(join(folder, 'child.pid')) > 0, 'the child runs');

    run.kill(signal);
    const { code } = await run.finished;

    expect(code).toBe(expected);
    expect(existsSync(lock)).toBe(false);
    await until(() => !isRunning(pidIn(join(folder, 'child.pid'))), 'the child is ended');
  });

  it('ends at once while it waits for another', async () => {
    const lock = join(folders.create(), 'setup.lock');
    const holder = holdLock(lock, forever);
    await until(() => holder.output().includes('holding'), 'the holder works');
    const waiting = holdLock(lock, '');
    await until(() => waiting.output().includes('waiting'), 'the second run waits');

    waiting.kill('SIGINT');

    expect(await waiting.finished).toMatchObject({ code: 130 });
    expect(existsSync(lock)).toBe(true);
    holder.kill('SIGKILL');
    await holder.finished;
  });
});

describe('a program that fails', () => {
  it('is reported with the end of its log', async () => {
    const folder = folders.create();
    const program = writeProgram(join(folder, 'broken'), 'for i in $(seq 1 40); do echo "line $i"; done; exit 3');

    const { code, output } = await runCommand(imports, runChild(program, join(folder, 'log')));

    expect(code).toBe(1);
    expect(output).toContain(`It failed (exit code 3). The end of ${folder}/log:`);
    expect(output).toContain('line 40');
    expect(output).not.toContain('line 25\n');
    expect(output).not.toContain('at ');
  });
});
