/** The costs that the plan starts from, as the measurements left them in docs/performance. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../../src/version';
import { totalCpuMs, type Figures } from '../lanes/measure';
import type { LaneCosts, Measured } from './table';

const folder = join(projectFolder, 'docs', 'performance');
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

export function readMeasured(): Measured {
  const closed = (file: string, lane: string): readonly Figures[] =>
    (JSON.parse(read(file)) as { closed: Record<string, Figures[]> }).closed[lane] ?? [];
  const loads = JSON.parse(read('workloads.json')) as Record<string, Figures[]>;
  const cpuOf = (load: string): number => median((loads[load] ?? []).map(({ cpuMs }) => totalCpuMs(cpuMs)));
  const kibibytes = /([\d.]+) KiB each on Postgres's disk/.exec(read('endurance.md'))?.[1];
  return {
    direct: costsOf(closed('lanes-dev.json', 'direct')),
    workflow: costsOf(closed('lanes-postgres.json', 'workflow')),
    failing: (cpuOf('direct: 5 % fail at first') - cpuOf('direct: one endpoint')) / 0.05,
    diskBytes: Number(kibibytes) * 1024,
  };
}

function costsOf(figures: readonly Figures[]): LaneCosts {
  const of = (pick: (one: Figures) => number): number => median(figures.map(pick));
  return {
    everhook: of(({ cpuMs }) => cpuMs.process),
    postgres: of(({ cpuMs }) => cpuMs.store),
    temporal: of(({ cpuMs }) => cpuMs.temporal),
    walBytes: of(({ walBytes }) => walBytes),
  };
}

/** @throws Error without values: a measurement is missing */
function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error(`a measurement is missing in ${folder}`);
  return middle;
}
