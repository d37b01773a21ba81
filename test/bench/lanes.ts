/**
 * `npm run bench`: what a delivery costs in each lane, beside the least that it could cost and beside queues that
 * others use, in the same run and in turn. `-- --quick` is a small run of a minute; its absolute figures mean
 * nothing, its ratios something.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import { measure, totalCpuMs, type Figures, type System } from './lanes/measure';
import { measureOpenLoop, type OpenLoopFigures } from './lanes/open-loop';
import { complaints, writeReport, type Findings } from './lanes/report';
import { startEverhook, startSystems, type SystemName } from './lanes/systems';
import { startStand } from './stand';
import { startTemporalOnPostgres } from './temporal-on-postgres';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** `dev`, the embedded development server, or `postgres`. */
    temporal: { type: 'string', default: 'dev' },
    only: { type: 'string' },
    rounds: { type: 'string' },
    /** The closed loop alone. */
    closed: { type: 'boolean', default: false },
    /** Fails when a ratio is far from what it was. */
    check: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '64' },
  },
});
const quick: readonly SystemName[] = ['relay', 'direct', 'floor-local', 'workflow'];
const all: readonly SystemName[] = [
  ...(['post', 'relay', 'direct', 'bullmq', 'graphile'] as const),
  ...(['floor-local', 'workflow', 'floor-normal'] as const),
];
/** What Temporal takes part in. */
const onPostgres: readonly SystemName[] = ['floor-local', 'workflow', 'floor-normal'];
const counts = flags.quick ? { light: 4_000, heavy: 300 } : { light: 20_000, heavy: 1_000 };
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5));
const sweep = flags.quick || flags.closed ? [] : [8, 32, 128];
const concurrency = Number(flags.concurrency);
const folder =
  flags.quick || flags.only ? join(projectFolder, 'dist.bench', 'results') : join(projectFolder, 'docs', 'performance');

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const programs = process.env['TEMPORAL_SERVER_FOLDER'] ?? '';
  const stand = await startStand({
    redis: !flags.quick,
    ...(flags.temporal === 'postgres' && {
      startTemporal: (parts) => startTemporalOnPostgres({ programs, ...parts }),
    }),
  });
  try {
    const whole = flags.temporal === 'postgres' ? onPostgres : all;
    const names = flags.only ? (flags.only.split(',') as SystemName[]) : flags.quick ? quick : whole;
    const profiles = flags.profile ? join(projectFolder, 'dist.bench', 'profiles') : undefined;
    const hasEverhook = names.includes('direct') || names.includes('workflow');
    const everhook = hasEverhook ? await startEverhook(stand, profiles) : undefined;
    const systems = await startSystems(stand, names, counts, everhook, profiles);
    for (const name of names) {
      if (!systems.some((system) => system.name === name)) say(`${name}: left out, this machine lacks what it runs on`);
    }
    for (const system of systems) await measure(stand, { ...system, count: system.count / 10 }, { concurrency });

    const closed = new Map<string, Figures[]>(systems.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const system of systems) {
        const figures = await measure(stand, system, { concurrency });
        closed.get(system.name)?.push(figures);
        say(`round ${round}: ${lineOf(system, figures)}`);
      }
    }
    const swept = new Map<string, { concurrency: number; figures: Figures }[]>(systems.map(({ name }) => [name, []]));
    for (const atATime of sweep) {
      for (const system of systems) {
        const figures = await measure(stand, { ...system, count: system.count / 2 }, { concurrency: atATime });
        swept.get(system.name)?.push({ concurrency: atATime, figures });
        say(`${atATime} at a time: ${lineOf(system, figures)}`);
      }
    }
    const open =
      flags.quick || flags.closed ? new Map<string, OpenLoopFigures[]>() : await openLoops(stand, systems, closed);

    mkdirSync(folder, { recursive: true });
    const findings: Findings = {
      temporal: flags.temporal,
      stand,
      systems,
      counts,
      concurrency,
      closed,
      swept,
      open,
      say,
    };
    await writeReport(folder, findings);
    for (const complaint of flags.check ? complaints(findings) : []) {
      say(`✗ ${complaint}`);
      process.exitCode = 1;
    }
  } finally {
    await stand.stop();
  }
}

/** Rates that a system sustains well below what it does at most. */
async function openLoops(
  stand: Parameters<typeof measureOpenLoop>[0],
  systems: readonly System[],
  closed: ReadonlyMap<string, readonly Figures[]>,
): Promise<Map<string, OpenLoopFigures[]>> {
  const found = new Map<string, OpenLoopFigures[]>(systems.map(({ name }) => [name, []]));
  for (let round = 1; round <= 3; round++) {
    for (const perSecond of [10, 50, 200]) {
      for (const system of systems) {
        const slowest = Math.min(...(closed.get(system.name) ?? []).map((figures) => figures.perSecond));
        if (system.name === 'post' || perSecond > slowest * 0.8) continue;
        const figures = await measureOpenLoop(stand, system, perSecond);
        found.get(system.name)?.push(figures);
        say(
          `${perSecond}/s, round ${round}: ${system.name.padEnd(12)} accept p50 ${figures.accept.p50Ms.toFixed(1)} p99 ${figures.accept.p99Ms.toFixed(1)} ms, ` +
            `end to end p50 ${figures.endToEnd.p50Ms.toFixed(1)} p99 ${figures.endToEnd.p99Ms.toFixed(1)} ms`,
        );
      }
    }
  }
  return found;
}

function lineOf({ name }: System, { perSecond, acceptP50Ms, acceptP99Ms, cpuMs, lost, duplicates }: Figures): string {
  const parts = `process ${cpuMs.process.toFixed(3)}, store ${cpuMs.store.toFixed(3)}, Temporal ${cpuMs.temporal.toFixed(3)}`;
  const accept = `accept p50 ${acceptP50Ms.toFixed(1)} p99 ${acceptP99Ms.toFixed(1)} ms`;
  return `${name.padEnd(12)} ${perSecond.toFixed(0).padStart(5)}/s, CPU ms ${totalCpuMs(cpuMs).toFixed(3)} (${parts}), ${accept}, lost ${lost}, duplicates ${duplicates}`;
}

void main();
