/**
 * `npm run drill`: plays incidents on real processes with the alerts of deploy/prometheus watching, and writes a
 * postmortem of each to docs/postmortems.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import { AlertWatch } from './alert-watch';
import { drills, type Drill } from './drills';
import { apart, type Fault } from './fault';
import { play } from './play';
import { postmortem, type Happening } from './postmortem';
import { runProgram, say, startWorld } from './program';
import { until, type Member, type World } from './world';

const calmMs = 60_000;

/** Alerts wait for five minutes until they fire, and somebody must come. */
const brokenMs = 8 * 60_000;

/** Rates are over five minutes. */
const quietLimitMs = 15 * 60_000;

const rates = { direct: 20, workflow: 5 };

const { values: flags } = parseArgs({ options: { only: { type: 'string' } } });

async function main(): Promise<void> {
  const folder = join(projectFolder, 'docs', 'postmortems');
  mkdirSync(folder, { recursive: true });
  const names = flags.only?.split(',');
  for (const drill of drills.filter(({ slug }) => !names || names.includes(slug))) {
    const world = await startWorld();
    try {
      const happenings: Happening[] = [];
      const result = await play(world, toFault(drill, happenings));
      const file = `${happenings[0]?.at.toISOString().slice(0, 10)}-${drill.slug}.md`;
      writeFileSync(join(folder, file), postmortem(drill, happenings, result));
      say(`docs/postmortems/${file}: ${result.accepted} accepted, ${result.lost} lost, ${result.stuck} stuck`);
    } finally {
      await world.stop();
    }
  }
}

function toFault(drill: Drill, happenings: Happening[]): Fault {
  const happened = (what: string, how: string, at = new Date()): void => {
    happenings.push({ at, what, how });
    say(`${at.toISOString()} ${what}`);
  };
  return {
    name: drill.slug,
    what: drill.title,
    processes: apart,
    rates,
    async run({ world }) {
      const watch = await AlertWatch.start(world.members.map(({ metricsPort }) => `127.0.0.1:${metricsPort}`));
      try {
        await pause(calmMs);
        happened('it began', 'played');
        const mend = await drill.begin(world, () => replaceAll(world));
        await pause(brokenMs);
        const mendedAt = new Date();
        await mend();
        happened('mended', 'played', mendedAt);
        await until(() => caughtUp(world, mendedAt), 'what had waited to come to an end', quietLimitMs);
        happened('all that had waited has come to its end', '`hook.deliveries`');
        await until(() => Promise.resolve(watch.isQuiet), 'the alerts to end', quietLimitMs);
      } finally {
        await watch.stop();
      }
      for (const { name, firedAt, endedAt } of watch.times) {
        happenings.push({ at: firedAt, what: `${name} fires`, how: 'Prometheus' });
        if (endedAt) happenings.push({ at: endedAt, what: `${name} has ended`, how: 'Prometheus' });
      }
      happenings.sort((a, b) => a.at.getTime() - b.at.getTime());
    },
  };
}

/** As a deployment does. Prometheus finds the new ones where the old ones were. */
async function replaceAll(world: World): Promise<void> {
  // Each that ends leaves the list.
  const before = world.members.slice();
  for (const member of before) {
    await member.end('SIGTERM');
    await world.spawn(member.roles, portsOf(member));
  }
}

function portsOf({ url, metricsPort }: Member): Record<string, string> {
  return { PORT: new URL(url).port, METRICS_PORT: String(metricsPort) };
}

async function caughtUp(world: World, mendedAt: Date): Promise<boolean> {
  const [row] = await world.query<{ open: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM hook.deliveries
                    WHERE created_at < $1 AND status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')) AS open`,
    [mendedAt],
  );
  return row?.open === false;
}

runProgram(main);
