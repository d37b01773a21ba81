/** The build makes dist whole or not at all, and only when a source has changed. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFolders, repositoryRoot, startCommand, until, writeFiles, type Running } from './scripts';

jest.setTimeout(60_000);

const folders = createFolders();
afterEach(() => folders.removeAll());

function createProject(): string {
  const root = folders.create();
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'));
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) {
    cpSync(join(repositoryRoot, name), join(root, name));
  }
  writeFiles(root, {
    'src/main.ts': 'export const greeting: string = "hello";\n',
    'activities/index.ts': 'export const activities = {};\n',
    'workflows/index.ts': `
      export async function nothing(): Promise<void> {}
      export const interceptors = () => ({ inbound: [], outbound: [] });\n`,
  });
  return root;
}

function build(root: string): Running {
  return startCommand(
    { build: 'build.mjs', bringUp: 'part.mjs', createContext: 'part.mjs' },
    `await bringUp(build, createContext(${JSON.stringify({ root })}));`,
  );
}

describe('a build', () => {
  it('compiles, bundles the workflows and then has nothing to do until a source changes', async () => {
    const root = createProject();

    const first = await build(root).finished;
    writeFileSync(join(root, 'dist', 'stale.js'), '');
    const second = await build(root).finished;
    const keptStaleFile = existsSync(join(root, 'dist', 'stale.js'));
    writeFiles(root, { 'src/main.ts': 'export const greeting = "good day";\n' });
    const third = await build(root).finished;

    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('✓ build') });
    expect(second).toEqual({ code: 0, output: '' });
    expect(keptStaleFile).toBe(true);
    expect(third.output).toContain('✓ build');
    expect(readdirSync(join(root, 'dist')).sort()).toEqual([
      '.everhook-build',
      'activities',
      'src',
      'workflow-bundle.js',
      'workflows',
    ]);
    expect(readFileSync(join(root, 'dist', 'src', 'main.js'), 'utf8')).toContain('good day');
    expect(readFileSync(join(root, 'dist', 'workflow-bundle.js'), 'utf8')).toContain('nothing');
  });

  it('that fails leaves the last good one in place and shows why', async () => {
    const root = createProject();
    writeFiles(root, { 'dist/src/main.js': 'the last good one' });
    writeFiles(root, { 'src/main.ts': 'export const greeting: string = 1;\n' });

    const { code, output } = await build(root).finished;

    expect(code).toBe(1);
    expect(output).toContain("src/main.ts(1,14): error TS2322: Type 'number' is not assignable to type 'string'.");
    expect(readFileSync(join(root, 'dist', 'src', 'main.js'), 'utf8')).toBe('the last good one');
    expect(readdirSync(root).filter((name) => name.startsWith('dist.'))).toEqual([]);
  });

  it('that was killed is made again, and its leftovers are removed', async () => {
    const root = createProject();
    const killed = build(root);
    const lock = join(root, '.everhook', 'setup.lock');
    await until(() => existsSync(lock) && readFileSync(lock, 'utf8').includes('"child":{'), 'the build is under way');
    killed.kill('SIGKILL');
    await killed.finished;
    const stampAfterKill = existsSync(join(root, 'dist', '.everhook-build'));

    const next = await build(root).finished;

    expect(stampAfterKill).toBe(false);
    expect(next).toMatchObject({ code: 0, output: expect.stringContaining('✓ build') });
    expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
    rmSync(join(root, 'node_modules'));
  });
});
