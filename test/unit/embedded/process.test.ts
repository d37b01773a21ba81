import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  processStartTime,
  startProcess,
  stopLeftover,
  type ProcessOptions,
  type RunningProcess,
} from '../../../src/embedded/process';
import { forkScript } from './fork-script';
import { makeTempFolder, type TempFolder } from './temp-folder';
import { waitFor } from './wait-for';

let temp: TempFolder;
const started: RunningProcess[] = [];

beforeEach(() => {
  temp = makeTempFolder();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => child.stop()));
  temp.remove();
});

async function startNode(script: string, options: Partial<ProcessOptions> = {}): Promise<RunningProcess> {
  const logFile = temp.path('child.log');
  const args = ['-e', script, temp.root];
  const child = await startProcess({ name: 'Child', command: process.execPath, args, logFile, ...options });
  started.push(child);
  return child;
}

const logged = (text: string): Promise<void> =>
  waitFor(`"${text}" in the log`, () => readFileSync(temp.path('child.log'), 'utf8').includes(text));

const idle = 'console.log("up"); setInterval(() => undefined, 1000);';

describe('a started process', () => {
  it('appends both outputs to its log and reports how it ended', async () => {
    const child = await startNode('console.log("to stdout"); console.error("to stderr"); process.exitCode = 3;');

    const exit = await child.exited;

    expect(exit).toEqual({ code: 3, signal: null });
    expect(readFileSync(temp.path('child.log'), 'utf8')).toBe('to stdout\nto stderr\n');
  });

  it('leads its own process group, out of reach of Ctrl-C', async () => {
    const child = await startNode(idle);

    const groupSignal = (): unknown => process.kill(-child.pid, 0);

    expect(groupSignal).not.toThrow();
  });

  it('sees nothing of our environment', async () => {
    const child = await startNode('console.log(Object.keys(process.env).join())');

    await child.exited;

    expect(readFileSync(temp.path('child.log'), 'utf8')).toBe('PATH\n');
  });

  it('is reported in one sentence when it cannot be started', async () => {
    const start = startNode('', { command: temp.path('nowhere') });

    await expect(start).rejects.toThrow('Child could not be started');
  });
});

describe('stopping a process', () => {
  it('ends it by the first signal that works, and may be repeated', async () => {
    const child = await startNode(idle);
    await logged('up');

    await child.stop({ signal: 'SIGTERM', graceMs: 10_000 });
    await child.stop({ signal: 'SIGTERM', graceMs: 10_000 });

    expect(child.exit()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('kills it after the last grace', async () => {
    const child = await startNode(`process.on('SIGTERM', () => console.log('ignored')); ${idle}`);
    await logged('up');

    await child.stop({ signal: 'SIGTERM', graceMs: 200 });

    expect(child.exit()).toEqual({ code: null, signal: 'SIGKILL' });
    await logged('ignored');
  });
});

describe('the end of a process', () => {
  it('is told to the listener when nobody asked for it', async () => {
    const child = await startNode(idle);
    const told = new Promise((resolve) => child.onUnexpectedExit(resolve));

    process.kill(child.pid, 'SIGKILL');

    await expect(told).resolves.toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('is not told when it was stopped', async () => {
    const child = await startNode(idle);
    const listener = jest.fn();
    child.onUnexpectedExit(listener);

    await child.stop({ signal: 'SIGTERM', graceMs: 10_000 });

    expect(listener).not.toHaveBeenCalled();
  });
});

const canFollowParents = spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true']).status === 0;
if (!canFollowParents) process.stdout.write('skipped: no setpriv here that can set a parent-death signal\n');

(canFollowParents ? describe : describe.skip)('the death of the parent', () => {
  it('ends the process too', async () => {
    const parent = forkScript(temp.path('parent.js'), parentScript, [temp.path('child.log')]);
    const [pid] = (await once(parent, 'message')) as [number];

    parent.kill('SIGKILL');
    await waitFor('the end of the child', () => processStartTime(pid) === undefined);

    expect(readFileSync(temp.path('child.log'), 'utf8')).toBe('');
  });
});

const parentScript = `
  const { startProcess } = require(embedded + '/process');
  const sleep = { name: 'Sleep', command: 'sleep', args: ['600'], logFile: process.argv[2], parentDeathSignal: 'SIGTERM' };
  startProcess(sleep).then((child) => process.send(child.pid));
`;

describe('a process left over from an earlier start', () => {
  const steps = [{ signal: 'SIGTERM' as const, graceMs: 10_000 }];

  it('is stopped when its command line names our folder', async () => {
    const { pid, exited } = await startNode(idle);
    const startTime = processStartTime(pid) ?? '';

    const found = await stopLeftover({ name: 'Child', pid, startTime, commandLineNames: temp.root, steps });

    expect(found).toBe(true);
    await expect(exited).resolves.toMatchObject({ signal: 'SIGTERM' });
  });

  it('is left alone when its pid belongs to another process now', async () => {
    const child = await startNode(idle);
    const { pid } = child;

    const byTime = await stopLeftover({ name: 'Child', pid, startTime: 'old', commandLineNames: temp.root, steps });
    const byFolder = await stopLeftover({ name: 'Child', pid, commandLineNames: '/another/folder', steps });

    expect([byTime, byFolder]).toEqual([false, false]);
    expect(child.exit()).toBeUndefined();
  });

  it('is nothing to stop when it is dead', async () => {
    writeFileSync(temp.path('child.log'), '');
    const child = await startNode('');
    await child.exited;

    const found = await stopLeftover({ name: 'Child', pid: child.pid, commandLineNames: temp.root, steps });

    expect(found).toBe(false);
  });
});
