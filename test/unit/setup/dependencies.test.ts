/** When packages are installed, and when what is in node_modules is good enough. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFolders, runCommand, writeFiles, writeProgram } from './scripts';

jest.setTimeout(30_000);

const folders = createFolders();
afterEach(() => folders.removeAll());

const installed = { 'node_modules/needed': { version: '1.0.0' } };
const packages = {
  '': { name: 'fixture' },
  ...installed,
  'node_modules/elsewhere': { version: '1.0.0', optional: true, os: ['plan9'], cpu: ['x64'] },
};

/** A project, and an npm that installs it and counts how often it did. */
function createProject({ npm = '' } = {}) {
  const root = folders.create();
  const tools = folders.create();
  writeFiles(root, {
    'package.json': JSON.stringify({ dependencies: { needed: '1.0.0' } }),
    'package-lock.json': JSON.stringify({ packages }),
  });
  writeProgram(
    join(tools, 'npm'),
    `echo "$@" >> ${tools}/calls
     ${npm}
     mkdir -p node_modules/needed
     cp package-lock.json node_modules/.package-lock.json`,
  );
  return {
    root,
    setUp: () =>
      runCommand({ setUp: 'setup.mjs' }, `await setUp(${JSON.stringify({ root, parts: ['dependencies'] })});`, {
        PATH: `${tools}:/usr/bin:/bin`,
      }),
    calls: () =>
      existsSync(join(tools, 'calls')) ? readFileSync(join(tools, 'calls'), 'utf8').split('\n').length - 1 : 0,
    handInstall: () =>
      writeFiles(root, {
        'node_modules/needed/index.js': '',
        'node_modules/.package-lock.json': JSON.stringify({ packages: installed }),
      }),
  };
}

describe('packages', () => {
  it('are installed once, and a second run says nothing', async () => {
    const project = createProject();

    const first = await project.setUp();
    const second = await project.setUp();

    expect(first.output).toContain('✓ dependencies');
    expect(second).toEqual({ code: 0, output: '' });
    expect(project.calls()).toBe(1);
  });

  it('installed by hand are kept', async () => {
    const project = createProject();
    project.handInstall();

    const { output } = await project.setUp();

    expect(output).toBe('');
    expect(project.calls()).toBe(0);
  });

  it('are installed again after an install cut short', async () => {
    const project = createProject();
    project.handInstall();
    rmSync(join(project.root, 'node_modules', '.package-lock.json'));

    await project.setUp();

    expect(project.calls()).toBe(1);
  });

  it('are installed again when one of them is gone', async () => {
    const project = createProject();
    project.handInstall();
    rmSync(join(project.root, 'node_modules', 'needed'), { recursive: true });

    await project.setUp();

    expect(project.calls()).toBe(1);
  });

  it('are installed again when the lock file names another version', async () => {
    const project = createProject();
    await project.setUp();
    const changed = { ...packages, 'node_modules/needed': { version: '2.0.0' } };
    writeFileSync(join(project.root, 'package-lock.json'), JSON.stringify({ packages: changed }));

    await project.setUp();

    expect(project.calls()).toBe(2);
  });

  it('are installed again for another release line of Node.js', async () => {
    const project = createProject();
    await project.setUp();
    const stamp = join(project.root, 'node_modules', '.everhook-setup');
    writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(/-node\d+/, '-node18'));

    await project.setUp();

    expect(project.calls()).toBe(2);
  });

  it('that cannot be installed are reported in a sentence', async () => {
    const project = createProject({ npm: 'echo "npm error network"; exit 1' });

    const { code, output } = await project.setUp();

    expect(code).toBe(1);
    expect(output).toContain('The packages could not be installed');
    expect(output).toContain('npm error network');
    expect(output).not.toContain('    at ');
  });
});
