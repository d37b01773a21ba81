/** What the commands say: a Node.js that is too old, and the line that ends every test run. */
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createFolders, repositoryRoot, runCommand, start, writeFiles } from './scripts';

jest.setTimeout(30_000);

const folders = createFolders();
afterEach(() => folders.removeAll());

describe('Node.js', () => {
  it.each(['18.20.8', '20.18.3', '21.7.3', '22.11.0', '23.1.0'])('%s is refused with what to do', async (version) => {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;

    const { code, output } = await start([
      '--import',
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      join(repositoryRoot, 'scripts', 'setup.mjs'),
    ]).finished;

    expect(code).toBe(1);
    expect(output.trim()).toBe(
      `Everhook needs Node.js 20.19, 22.12 or 24 and newer, and this is ${version}: ` +
        'install one from https://nodejs.org or with your version manager (.nvmrc names the one we use).',
    );
  });

  it.each(['20.19.0', '22.12.0', '24.0.0', '26.1.0'])('%s will do', async (version) => {
    const { code } = await runCommand({ checkNodeVersion: 'node-version.mjs' }, `checkNodeVersion('${version}');`);

    expect(code).toBe(0);
  });
});

/** A checkout in which everything is set up, with the tests that a test needs. */
function createCheckout(tests: Record<string, string>) {
  const root = folders.create();
  cpSync(join(repositoryRoot, 'scripts'), join(root, 'scripts'), { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'));
  // The tests run in a checkout that has nothing to set up.
  writeFiles(root, {
    'scripts/setup.mjs':
      'export const setUp = async () => ({ temporalCliPath: "cli", timeSkippingServerPath: "server" });',
    'jest.config.js': `module.exports = { projects: ['unit', 'api'].map((kind) => ({
      displayName: kind, rootDir: __dirname, testMatch: ['<rootDir>/test/' + kind + '/*.test.js'] })) };`,
    'package.json': JSON.stringify({
      scripts: { 'format:check': 'true', lint: 'echo a lint error; false', 'type-check': 'true', 'dead-code': 'true' },
    }),
    ...tests,
  });
  return {
    runTests: (...args: string[]) =>
      start([join(root, 'scripts', 'test.mjs'), ...args], { PATH: process.env['PATH'], HOME: root }).finished,
  };
}

describe('the test command', () => {
  const tests = {
    'test/unit/a.test.js': `
      it('has the servers', () => expect(process.env.TEMPORAL_CLI_PATH + process.env.TEMPORAL_TEST_SERVER_PATH).toBe('cliserver'));
      it('holds', () => {});
      it.skip('is skipped', () => {});`,
    'test/api/b.test.js': `
      it('holds as well', () => {});
      it('breaks', () => expect(1).toBe(2));`,
    'test/api/c.test.js': `throw new Error('cannot be loaded');`,
  };

  it('runs everything though a check fails, and counts checks and tests in its last line', async () => {
    const { code, output } = await createCheckout(tests).runTests();

    expect(code).toBe(1);
    expect(output).toContain('a lint error');
    // Of the four checks lint fails; of the tests one does, and one file cannot be loaded.
    expect(output.trimEnd().split('\n').at(-1)).toBe('6 passed, 3 failed, 1 skipped');
  });

  it('runs the named projects alone with --only', async () => {
    const { code, output } = await createCheckout(tests).runTests('--only', 'unit');

    expect(code).toBe(0);
    expect(output.trimEnd().split('\n').at(-1)).toBe('2 passed, 0 failed, 1 skipped');
  });

  it('passes other arguments on to Jest', async () => {
    const { output } = await createCheckout(tests).runTests('--only=unit,api', '-t', 'holds');

    expect(output.trimEnd().split('\n').at(-1)).toBe('2 passed, 1 failed, 3 skipped');
  });

  it('fails when there is nothing to run', async () => {
    const { code, output } = await createCheckout(tests).runTests('--only', 'misspelt');

    expect(code).toBe(1);
    expect(output.trimEnd().split('\n').at(-1)).toBe('0 passed, 1 failed');
  });
});
