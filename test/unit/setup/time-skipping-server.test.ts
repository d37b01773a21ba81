/** The order in which a time-skipping server is looked for, and what is said when there is none. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createFolders, runCommand, writeFiles, writeProgram, type Finished } from './scripts';

jest.setTimeout(30_000);

const folders = createFolders();
afterEach(() => folders.removeAll());

async function resolveServer(env: NodeJS.ProcessEnv): Promise<Finished> {
  const root = folders.create();
  writeFiles(root, { 'node_modules/@temporalio/testing/package.json': JSON.stringify({ version: '1.24.0' }) });
  return runCommand(
    { resolveTimeSkippingServer: 'time-skipping-server.mjs' },
    `console.log('PATH=' + await resolveTimeSkippingServer(${JSON.stringify({ root, site: 'http://127.0.0.1:1' })}));`,
    env,
  );
}

/** Stand-ins for Java and Maven; this Java listens on the port it is given unless told otherwise. */
function writeTools(
  javaStart = `exec "${process.execPath}" -e 'require("net").createServer().listen(+process.argv.at(-1), "127.0.0.1")' -- "$@"`,
) {
  const tools = folders.create();
  writeProgram(
    join(tools, 'java'),
    `case "$1" in -version) echo 'openjdk version "17.0.15" 2025-04-15' >&2 ;; *) ${javaStart} ;; esac`,
  );
  writeProgram(
    join(tools, 'mvn'),
    'case "$1" in -v) echo "Apache Maven" ;; *) mkdir lib; touch lib/server.jar ;; esac',
  );
  return tools;
}

describe('TEMPORAL_TEST_SERVER_PATH', () => {
  it('wins over everything else', async () => {
    const path = writeProgram(join(folders.create(), 'server'), '');

    const { output } = await resolveServer({ TEMPORAL_TEST_SERVER_PATH: path });

    expect(output).toBe(`PATH=${path}\n`);
  });

  it('is an error that names the path when there is no such program', async () => {
    const { code, output } = await resolveServer({ TEMPORAL_TEST_SERVER_PATH: '/nowhere/server' });

    expect(code).toBe(1);
    expect(output).toContain('TEMPORAL_TEST_SERVER_PATH is set to /nowhere/server');
  });
});

describe('without a download', () => {
  it('the Java program is installed through Maven, once', async () => {
    const cache = folders.create();
    const path = `${writeTools()}:/usr/bin:/bin`;

    const first = await resolveServer({ EVERHOOK_CACHE_DIR: cache, PATH: path });
    const second = await resolveServer({ EVERHOOK_CACHE_DIR: cache, PATH: '/usr/bin:/bin' });

    const program = `${cache}/temporal-test-server/1.38.0/temporal-test-server`;
    expect(first.output).toContain(`PATH=${program}\n`);
    expect(second.output).toBe(`PATH=${program}\n`);
  });

  it('a program that does not start never reaches the cache', async () => {
    const cache = folders.create();

    const { code, output } = await resolveServer({
      EVERHOOK_CACHE_DIR: cache,
      PATH: `${writeTools('exit 1')}:/usr/bin:/bin`,
    });

    expect(code).toBe(1);
    expect(output).toContain('The time-skipping server does not start');
    expect(readdirSync(join(cache, 'temporal-test-server'))).toEqual([]);
  });

  it.each([
    ['Maven', 'echo \'openjdk version "17.0.15"\'', 'Maven'],
    ['a recent Java', 'echo \'java version "1.8.0_402"\'', 'Java 11 or newer'],
  ])('what is missing is named: %s', async (_case, java, lacking) => {
    const tools = folders.create();
    writeProgram(join(tools, 'java'), java);
    if (lacking !== 'Maven') writeProgram(join(tools, 'mvn'), 'echo "Apache Maven"');

    const { code, output } = await resolveServer({ EVERHOOK_CACHE_DIR: folders.create(), PATH: tools });

    expect(code).toBe(1);
    expect(output).toContain(`for want of ${lacking}`);
    expect(output).toContain('or set TEMPORAL_TEST_SERVER_PATH');
    expect(existsSync(join(tools, 'lib'))).toBe(false);
  });
});
