/** The clocks of Everhook's processes are wrong; libfaketime moves them. */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { apart, type Fault } from '../fault';
import type { Role } from '../world';

const libraries = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
];
const library = libraries.find((path) => existsSync(path));

const moved = (role: Role, offset: string): Fault => ({
  name: `${role}-clock${offset}`,
  what: `the clock of the process of ${role} is wrong by ${offset} for 20 s`,
  processes: apart,
  ...(library === undefined && { skipped: 'libfaketime is not installed (Debian: apt-get install faketime)' }),
  async run({ world }) {
    const replace = async (env: Record<string, string>): Promise<void> => {
      await world.members.find(({ roles }) => roles.includes(role))?.end('SIGTERM');
      await world.spawn([role], env);
    };
    await replace({ LD_PRELOAD: library ?? '', FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' });
    await pause(20_000);
    await replace({});
  },
});

export const clockFaults: readonly Fault[] = [
  moved('worker', '+10m'),
  moved('worker', '-10m'),
  moved('api', '+10m'),
  moved('api', '-10m'),
];
