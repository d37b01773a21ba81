/**
 * `npm run chaos`: breaks one part after another while events come, and counts what became of them. Results are kept
 * fault by fault, so that a run that was cut off can go on (`--resume`).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import type { Fault } from './fault';
import { clockFaults } from './faults/clocks';
import { databaseFaults } from './faults/database';
import { linkFaults } from './faults/links';
import { poison } from './faults/poison';
import { processFaults } from './faults/processes';
import { receiverFaults } from './faults/receivers';
import { serverFaults } from './faults/servers';
import { soak } from './faults/soak';
import { tenantFaults } from './faults/tenants';
import { play, type Result } from './play';
import { runProgram, say, startWorld } from './program';
import { reportLines, violations } from './report';
import type { World } from './world';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    /** Of a run of all, such as `soak`, which takes half an hour. */
    except: { type: 'string' },
    /** What CI runs, in five minutes. */
    subset: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    /** Of the usual rates. */
    speed: { type: 'string' },
  },
});

const faults: readonly Fault[] = [
  ...processFaults,
  ...serverFaults,
  ...databaseFaults,
  ...linkFaults,
  ...clockFaults,
  ...receiverFaults,
  ...tenantFaults,
  poison,
  soak,
];
const subset = ['stop-api-and-worker', 'kill-temporal', 'kill-postgres', 'temporal-silent'];

async function main(): Promise<void> {
  const names = flags.subset ? subset : flags.only?.split(',');
  const folder = join(projectFolder, names === undefined ? 'docs/reliability' : 'dist.bench/reliability');
  mkdirSync(folder, { recursive: true });
  const except = flags.except?.split(',') ?? [];
  const chosen = choose(names).filter(({ name }) => !except.includes(name));
  const results: Result[] = [];
  const world = await startWorld();
  try {
    for (const fault of chosen) {
      if (fault.skipped !== undefined) {
        say(`${fault.name}: skipped: ${fault.skipped}`);
        continue;
      }
      const file = join(folder, `${fault.name}.json`);
      if (!(flags.resume && existsSync(file))) {
        const result = await playIn(world, fault);
        writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
        const { accepted, lost, duplicates, kills, recoverySeconds } = result;
        say(
          `${fault.name}: ${accepted} accepted, ${lost} lost, ${duplicates} duplicates, ${kills} kills, ` +
            `recovered after ${recoverySeconds.toFixed(1)} s${result.notes.map((note) => `; ${note}`).join('')}`,
        );
      }
      results.push(JSON.parse(readFileSync(file, 'utf8')) as Result);
    }
  } finally {
    await world.stop();
  }
  const report = reportLines(results).join('\n');
  writeFileSync(join(folder, 'report.md'), `${report}\n`);
  say(`\n${report}`);
  const broken = results.flatMap(violations);
  if (broken.length > 0) throw new Error(broken.join(', '));
}

/** Where a fault wants another disk, in a world of its own. */
async function playIn(world: World, fault: Fault): Promise<Result> {
  const speed = Number(flags.speed ?? 1);
  if (fault.diskMiB === undefined) return play(world, fault, speed);
  const own = await startWorld({ diskMiB: fault.diskMiB });
  try {
    return await play(own, fault, speed);
  } finally {
    await own.stop();
  }
}

function choose(names: readonly string[] | undefined): readonly Fault[] {
  if (names === undefined) return faults;
  const unknown = names.filter((name) => !faults.some((fault) => fault.name === name));
  if (unknown.length > 0) {
    throw new Error(`--only: no ${unknown.join(', ')}; there are ${faults.map(({ name }) => name).join(', ')}`);
  }
  return faults.filter(({ name }) => names.includes(name));
}

runProgram(main);
