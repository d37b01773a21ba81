/** Where the KMS server of the tests is looked for, and that going without it stops nobody. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createFolders, runCommand, writeProgram, type Finished } from './scripts';

jest.setTimeout(30_000);

const folders = createFolders();
afterEach(() => folders.removeAll());

const setUp = (env: NodeJS.ProcessEnv): Promise<Finished> =>
  runCommand(
    { setUp: 'setup.mjs' },
    `const { kmsServerPath } = await setUp({ parts: ['kms-server'], root: ${JSON.stringify(folders.create())} });
     console.log('PATH=' + kmsServerPath);`,
    env,
  );

/** A Python whose pip does what it is told. */
function writePython(pip: string): string {
  const tools = folders.create();
  writeProgram(join(tools, 'python3'), `case "$1" in --version) echo 'Python 3.11.7' ;; *) ${pip} ;; esac`);
  return `${tools}:/usr/bin:/bin`;
}

it('a server that is named wins', async () => {
  const path = writeProgram(join(folders.create(), 'server'), '');

  expect((await setUp({ KMS_TEST_SERVER_PATH: path })).output).toBe(`PATH=${path}\n`);
});

it('a server that is named and missing is an error', async () => {
  const { code, output } = await setUp({ KMS_TEST_SERVER_PATH: '/nowhere/server' });

  expect(code).toBe(1);
  expect(output).toContain('KMS_TEST_SERVER_PATH is set to /nowhere/server');
});

it('is installed once for each version of Python', async () => {
  const cache = folders.create();
  const log = join(folders.create(), 'calls');
  const env = { EVERHOOK_CACHE_DIR: cache, PATH: writePython(`echo "$@" >> ${log}; test "$(wc -l < ${log})" = 1`) };

  const first = await setUp(env);
  const second = await setUp(env);

  const program = join(cache, 'moto', '5.2.5-python3.11', 'kms-server');
  expect(first.output).toContain(`PATH=${program}\n`);
  expect(second.output).toBe(`PATH=${program}\n`);
});

it('is given up when its installation takes too long', async () => {
  const log = join(folders.create(), 'log');

  const { output } = await runCommand(
    { runLogged: 'child-process.mjs' },
    `await runLogged('sleep', ['60'], { logFile: ${JSON.stringify(log)}, limitMs: 200, failure: 'Not to be had' });`,
  );

  expect(output).toContain('Not to be had (took longer than 0.2 s)');
});

it('is left out, with the reason, where it cannot be installed', async () => {
  const cache = folders.create();

  const { code, output } = await setUp({ EVERHOOK_CACHE_DIR: cache, PATH: writePython('echo no index >&2; exit 1') });

  expect(code).toBe(0);
  expect(output).toContain('moto could not be installed with Python 3 and pip');
  expect(output).toContain('no index');
  expect(output).toContain('PATH=undefined\n');
  expect(existsSync(join(cache, 'moto', '5.2.5-python3.11'))).toBe(false);
});
