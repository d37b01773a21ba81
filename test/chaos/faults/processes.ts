/** Everhook's own processes end, without a word or in order. */
import { setTimeout as pause } from 'node:timers/promises';
import { apart, type Fault, type Scene } from '../fault';
import type { Role } from '../world';

const together: readonly (readonly Role[])[] = [['api', 'worker']];

/** How long there is none, and how long the next one lives, in milliseconds. */
const goneMs = 500;
const livesMs = 3_500;

function killing(roles: readonly Role[], times: number): Fault {
  const name = roles.join('-and-');
  return {
    name: `kill-${name}`,
    what: `the process of ${roles.join(' and ')} is killed (SIGKILL) ${times} times`,
    processes: roles.length === 2 ? together : apart,
    async run({ world, kill }) {
      for (let n = 0; n < times; n++) {
        const member = world.members.find((one) => one.roles.join() === roles.join());
        await member?.end('SIGKILL');
        kill();
        await pause(goneMs);
        await world.spawn(roles);
        await pause(livesMs * (0.5 + Math.random()));
      }
    },
  };
}

function stopping(roles: readonly Role[], times: number): Fault {
  return {
    name: `stop-${roles.join('-and-')}`,
    what: `the process of ${roles.join(' and ')} is asked to end (SIGTERM) ${times} times`,
    processes: roles.length === 2 ? together : apart,
    async run({ world, note, expect }) {
      const codes: (number | string | null)[] = [];
      for (let n = 0; n < times; n++) {
        const member = world.members.find((one) => one.roles.join() === roles.join());
        // Ready first: before that it has no handler, and ends as any process does.
        await pause(livesMs);
        codes.push((await member?.end('SIGTERM')) ?? null);
        await world.spawn(roles);
      }
      note(`exit codes ${codes.join(', ')}`);
      expect(
        codes.every((code) => code === 0),
        'a process ended by something else than 0',
      );
    },
  };
}

const workersAway: Fault = {
  name: 'workers-away',
  what: 'there is no worker for two minutes',
  processes: [['api'], ['worker'], ['worker']],
  resumesWithin: 60,
  async run({ world, kill }) {
    for (const member of world.members.filter(({ roles }) => roles.includes('worker'))) {
      await member.end('SIGKILL');
      kill();
    }
    await pause(120_000);
    await world.spawn(['worker']);
  },
};

/** Three workers are replaced one after another while work goes on. */
const rolling: Fault = {
  name: 'rolling-restart',
  what: 'three workers are replaced one after another, twice',
  processes: [['api'], ['worker'], ['worker'], ['worker']],
  async run({ world }: Scene) {
    for (let n = 0; n < 6; n++) {
      const [oldest] = world.members.filter(({ roles }) => roles.includes('worker'));
      await world.spawn(['worker']);
      await pause(livesMs);
      await oldest?.end('SIGTERM');
    }
  },
};

export const processFaults: readonly Fault[] = [
  killing(['api'], 12),
  killing(['worker'], 16),
  killing(['api', 'worker'], 16),
  stopping(['api'], 4),
  stopping(['worker'], 4),
  stopping(['api', 'worker'], 4),
  rolling,
  workersAway,
];
