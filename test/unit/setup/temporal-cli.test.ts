/** The order in which a Temporal CLI is looked for, and what is said when there is none. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { createFolders, runCommand, writeProgram, type Finished } from './scripts';

jest.setTimeout(30_000);

const folders = createFolders();
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  folders.removeAll();
});

const release = (version: string) => `echo "temporal version ${version} (Server 1.29.1, UI 2.42.1)"`;

/** Without a site of its own a test meets a closed port, as a machine without internet would. */
async function resolveCli(env: NodeJS.ProcessEnv, site = 'http://127.0.0.1:1'): Promise<Finished> {
  const root = folders.create();
  return runCommand(
    { resolveTemporalCli: 'temporal-cli.mjs' },
    `console.log('PATH=' + await resolveTemporalCli(${JSON.stringify({ root, site })}));`,
    env,
  );
}

/** A site whose only archive holds this program. */
async function serveArchive(script: string): Promise<{ site: string; requests: string[] }> {
  const folder = folders.create();
  writeProgram(join(folder, 'temporal'), script);
  execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', folder, 'temporal']);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.end(readFileSync(join(folder, 'archive.tar.gz')));
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { site: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

describe('TEMPORAL_CLI_PATH', () => {
  it('wins over everything else', async () => {
    const path = writeProgram(join(folders.create(), 'my-temporal'), release('1.0.0'));

    const { output } = await resolveCli({ TEMPORAL_CLI_PATH: path });

    expect(output).toBe(`PATH=${path}\n`);
  });

  it('is an error that names the path when there is no such program', async () => {
    const { code, output } = await resolveCli({ TEMPORAL_CLI_PATH: '/nowhere/temporal' });

    expect(code).toBe(1);
    expect(output.trim()).toBe(
      'TEMPORAL_CLI_PATH is set to /nowhere/temporal, which is not a program that can be run: correct or unset it.',
    );
  });
});

describe('`temporal` on PATH', () => {
  it.each(['1.5.0', '1.10.2', '2.0.0', '0.0.0-DEV'])('is used at version %s', async (version) => {
    const folder = folders.create();
    const path = writeProgram(join(folder, 'temporal'), release(version));

    const { output } = await resolveCli({ PATH: `${folder}${delimiter}/usr/bin` });

    expect(output).toBe(`PATH=${path}\n`);
  });

  it('is passed over at version 1.4.9, and the download is used', async () => {
    const folder = folders.create();
    const cache = folders.create();
    writeProgram(join(folder, 'temporal'), release('1.4.9'));
    const { site } = await serveArchive(release('1.5.1'));

    const { output } = await resolveCli({ PATH: `${folder}:/usr/bin:/bin`, EVERHOOK_CACHE_DIR: cache }, site);

    expect(output).toContain(`${folder}/temporal is older than 1.5 and not used`);
    expect(output).toContain(`PATH=${cache}/temporal-cli/1.5.1/temporal\n`);
  });
});

describe('the download', () => {
  it('is made once and then found in the cache', async () => {
    const cache = folders.create();
    const { site, requests } = await serveArchive(release('1.5.1'));

    await resolveCli({ EVERHOOK_CACHE_DIR: cache }, site);
    const { output } = await resolveCli({ EVERHOOK_CACHE_DIR: cache }, site);

    expect(output).toBe(`PATH=${cache}/temporal-cli/1.5.1/temporal\n`);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatch(/^\/cli\/archive\/v1\.5\.1\?platform=\w+&arch=\w+&format=tar\.gz$/);
  });

  it('never reaches the cache when the program in it does not run', async () => {
    const cache = folders.create();
    const { site } = await serveArchive('exit 1');

    const { code } = await resolveCli({ EVERHOOK_CACHE_DIR: cache, PATH: '/usr/bin:/bin' }, site);

    expect(code).toBe(1);
    expect(existsSync(join(cache, 'temporal-cli', '1.5.1'))).toBe(false);
    expect(readdirSync(join(cache, 'temporal-cli'))).toEqual([]);
  });
});

describe('without a download', () => {
  it('the CLI is built with Go', async () => {
    const tools = folders.create();
    const cache = folders.create();
    writeProgram(
      join(tools, 'go'),
      `case "$1" in
         version) echo "go version go1.24.0 linux/amd64" ;;
         install) printf '#!/bin/sh\\necho "temporal version 0.0.0-DEV"\\n' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal" ;;
       esac`,
    );

    const { output } = await resolveCli({ EVERHOOK_CACHE_DIR: cache, PATH: `${tools}:/usr/bin:/bin` });

    expect(output).toContain('a first build takes about 5 minutes');
    expect(output).toContain(`PATH=${cache}/temporal-cli/1.5.1/temporal\n`);
    expect(readdirSync(join(cache, 'temporal-cli'))).toEqual(['1.5.1']);
  });

  it.each([
    ['there is no Go', undefined],
    ['Go is too old', 'go version go1.23.4 linux/amd64'],
  ])('the ways to a CLI are named when %s', async (_case, goVersion) => {
    const tools = folders.create();
    if (goVersion) writeProgram(join(tools, 'go'), `echo "${goVersion}"`);

    const { code, output } = await resolveCli({
      EVERHOOK_CACHE_DIR: folders.create(),
      PATH: `${tools}:/usr/bin:/bin`,
    });

    expect(code).toBe(1);
    expect(output).toContain('The Temporal CLI is missing');
    expect(output).toContain('`temporal` is on PATH; set TEMPORAL_CLI_PATH to it; or install Go 1.24 or newer');
    expect(output).not.toContain('    at ');
  });
});
