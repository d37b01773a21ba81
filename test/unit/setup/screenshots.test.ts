import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { projectFolder } from '../../../src/version';

const run = promisify(execFile);
const script = (name: string): string => pathToFileURL(join(projectFolder, 'scripts', 'docs', name)).href;

/** Scripts are ES modules, which Jest does not import. */
async function evaluate(code: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...process.env, ...env },
  });
  return stdout.trim();
}

const find = (env: Record<string, string>): Promise<string> =>
  evaluate(
    `import { findChromium } from '${script('chromium.mjs')}';
     try { console.log(findChromium(${JSON.stringify(env)})); } catch (error) { console.log(error.message); }`,
  );

describe('the browser of the screenshots', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'everhook-chromium-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string): string {
    const path = join(folder, name);
    writeFileSync(path, '#!/bin/sh\n');
    chmodSync(path, 0o755);
    return path;
  }

  it('is the one asked for, else the first on PATH', async () => {
    const other = program('other');
    const chrome = program('google-chrome');

    expect(await find({ CHROMIUM_PATH: other, PATH: folder })).toBe(other);
    expect(await find({ PATH: `/nowhere:${folder}` })).toBe(chrome);
  });

  it('that is not there is reported with how to get it', async () => {
    expect(await find({ PATH: folder })).toMatch(/need Chromium or Chrome.*apt-get install chromium.*CHROMIUM_PATH/);
    expect(await find({ CHROMIUM_PATH: '/nowhere/chromium', PATH: folder })).toMatch(/^CHROMIUM_PATH is \/nowhere/);
  });
});
