import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { openDataFolder } from '../../../src/embedded/data-folder';
import { processStartTime } from '../../../src/embedded/process';
import { forkScript } from './fork-script';
import { makeTempFolder, type TempFolder } from './temp-folder';

let temp: TempFolder;
let bystander: ChildProcess | undefined;

beforeEach(() => {
  temp = makeTempFolder();
});

afterEach(async () => {
  if (bystander !== undefined && bystander.exitCode === null && bystander.signalCode === null) {
    bystander.kill('SIGKILL');
    await once(bystander, 'exit');
  }
  bystander = undefined;
  temp.remove();
});

/** A living process that has nothing to do with the folder. */
function startBystander(): number {
  bystander = forkScript(temp.path('bystander.js'), '');
  return bystander.pid ?? 0;
}

function leaveLock(owner: { pid: number; startTime: string }): void {
  mkdirSync(temp.path('data'));
  writeFileSync(temp.path('data', 'lock'), JSON.stringify({ ...owner, token: 'abc-123' }));
}

describe('opening a data folder', () => {
  it('creates it for our user alone', () => {
    const folder = openDataFolder(temp.path('deep', 'data'));

    expect(statSync(temp.path('deep', 'data')).mode & 0o777).toBe(0o700);
    expect(folder.path('a', 'b')).toBe(temp.path('deep', 'data', 'a', 'b'));
    folder.release();
  });

  it('is refused in one sentence while this process has it, by whatever path', () => {
    const folder = openDataFolder(temp.path('data'));
    symlinkSync(temp.path('data'), temp.path('alias'));

    const second = (): unknown => openDataFolder(temp.path('alias'));

    expect(second).toThrow(
      `Everhook already runs on ${temp.path('data')} (pid ${process.pid}); stop it or set EVERHOOK_DATA_DIR to another folder`,
    );
    folder.release();
  });

  it('is refused while another living process has it', () => {
    const pid = startBystander();
    leaveLock({ pid, startTime: processStartTime(pid) ?? '' });

    const opening = (): unknown => openDataFolder(temp.path('data'));

    expect(opening).toThrow(`(pid ${pid})`);
  });

  it('takes over from a dead process and leaves nothing but its own lock', async () => {
    const pid = startBystander();
    const startTime = processStartTime(pid) ?? '';
    bystander?.kill('SIGKILL');
    if (bystander !== undefined) await once(bystander, 'exit');
    leaveLock({ pid, startTime });

    const folder = openDataFolder(temp.path('data'));

    expect(readdirSync(folder.path())).toEqual(['lock']);
    expect(JSON.parse(readFileSync(folder.path('lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    folder.release();
  });

  it('takes over when the pid was given to another process since', () => {
    const pid = startBystander();
    leaveLock({ pid, startTime: 'long before' });

    const folder = openDataFolder(temp.path('data'));

    expect(JSON.parse(readFileSync(folder.path('lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    folder.release();
  });

  it('takes over although an earlier takeover died half-way', () => {
    leaveLock({ pid: 999_999_999, startTime: '1' });
    const half = { pid: 999_999_999, startTime: '1', token: 'def-456' };
    writeFileSync(temp.path('data', 'lock.over-abc-123'), JSON.stringify(half));

    const folder = openDataFolder(temp.path('data'));

    expect(readdirSync(folder.path())).toEqual(['lock']);
    folder.release();
  });

  it('takes over a lock that cannot be read', () => {
    mkdirSync(temp.path('data'));
    writeFileSync(temp.path('data', 'lock'), '{"pid":');

    const folder = openDataFolder(temp.path('data'));

    expect(readdirSync(folder.path())).toEqual(['lock']);
    folder.release();
  });

  it('works again after a release, which is safe to repeat', () => {
    const first = openDataFolder(temp.path('data'));
    first.release();
    const second = openDataFolder(temp.path('data'));

    first.release();

    expect(() => openDataFolder(temp.path('data'))).toThrow('already runs');
    second.release();
  });

  it('lets one of many processes in when all find the same dead owner', async () => {
    leaveLock({ pid: 999_999_999, startTime: '1' });
    const racers = Array.from({ length: 6 }, () => forkScript(temp.path('racer.js'), racerScript, [temp.path('data')]));
    await Promise.all(racers.map((child) => once(child, 'message')));

    const outcomes = racers.map(async (child) => String((await once(child, 'message'))[0]));
    for (const child of racers) child.send('go');
    const answers = await Promise.all(outcomes);
    const ends = racers.map((child) => once(child, 'exit'));
    for (const child of racers) child.disconnect();
    await Promise.all(ends);

    expect(answers.filter((answer) => answer === 'opened')).toHaveLength(1);
    expect(answers.filter((answer) => answer.includes('already runs'))).toHaveLength(5);
  });
});

/** Holds what it opened until the test disconnects, so that no later racer may rightly get in. */
const racerScript = `
  const { openDataFolder } = require(embedded + '/data-folder');
  process.once('message', () => {
    try { openDataFolder(process.argv[2]); process.send('opened'); }
    catch (error) { process.send(error.message); }
  });
  process.send('ready');
`;

describe('a secret', () => {
  it('is made once and read back by later starts', () => {
    const first = openDataFolder(temp.path('data'));
    const made = first.secret('jwt', () => 'made at the first start');
    first.release();

    const second = openDataFolder(temp.path('data'));
    const readBack = second.secret('jwt', () => 'made again');

    expect([made, readBack]).toEqual(['made at the first start', 'made at the first start']);
    second.release();
  });

  it('is kept in a file that only our user may read, with no draft beside it', () => {
    const folder = openDataFolder(temp.path('data'));

    folder.secret('jwt', () => 'secret');

    expect(statSync(folder.path('jwt.secret')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path()).sort()).toEqual(['jwt.secret', 'lock']);
    folder.release();
  });

  it('is not replaced silently when its file was emptied', () => {
    const folder = openDataFolder(temp.path('data'));
    writeFileSync(folder.path('jwt.secret'), '');

    const reading = (): unknown => folder.secret('jwt', () => 'made again');

    expect(reading).toThrow('is empty');
    folder.release();
  });

  it('cannot have a name that leaves the folder', () => {
    const folder = openDataFolder(temp.path('data'));

    const reading = (): unknown => folder.secret('../jwt', () => 'secret');

    expect(reading).toThrow('cannot be the name of a secret');
    folder.release();
  });
});
