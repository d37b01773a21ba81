/** That the measurements still run; what they find depends on the machine and is no business of a test. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from '../../src/version';

jest.setTimeout(240_000);

const run = promisify(execFile);

// The CPU of a server's process is read from /proc.
const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('npm run bench:api -- --quick', () => {
  it('compares the API with a bare route and explains its lists', async () => {
    const { stdout } = await run(process.execPath, [join(projectFolder, 'scripts', 'bench.mjs'), 'api', '--quick'], {
      maxBuffer: 16 * 1024 * 1024,
    });

    const result = JSON.parse(readFileSync(join(projectFolder, 'dist.bench', 'api-quick.json'), 'utf8'));
    expect(result.ratios).toEqual({ bareTransaction: [expect.any(Number)], bareStatement: [expect.any(Number)] });
    expect(Object.keys(result.figures)).toEqual(['publish', 'bareTransaction', 'bareStatement', 'deadLetters']);
    expect(result.plans.length).toBeGreaterThan(20);
    expect(stdout).toMatch(/\| `POST \/v1\/events` .*\|/);
    expect(stdout).toContain('0 of them read a large table from end to end');
  });
});

onLinux('npm run bench:control -- --quick', () => {
  it('replays dead letters and finds each delivered once', async () => {
    const args = [join(projectFolder, 'scripts', 'bench.mjs'), 'control', '--quick', '--only', 'replay'];
    const { stdout } = await run(process.execPath, args);

    expect(stdout).toMatch(/^Replaying 40 dead letters at 100 a second: .* none twice$/m);
  });
});
