/** What a run found, as JSON, as a table and as a chart. */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Stand } from '../stand';
import { totalCpuMs, type Figures, type System } from './measure';
import type { OpenLoopFigures } from './open-loop';

export interface Findings {
  readonly temporal: string;
  readonly stand: Stand;
  readonly systems: readonly System[];
  readonly counts: { readonly light: number; readonly heavy: number };
  readonly concurrency: number;
  readonly closed: ReadonlyMap<string, readonly Figures[]>;
  readonly swept: ReadonlyMap<string, readonly { readonly concurrency: number; readonly figures: Figures }[]>;
  readonly open: ReadonlyMap<string, readonly OpenLoopFigures[]>;
  readonly say: (line: string) => void;
}

/** What one system does for each of another, in the same round. */
const compared = [
  ['direct', 'relay'],
  ['direct', 'bullmq'],
  ['direct', 'graphile'],
  ['workflow', 'floor-local'],
  ['floor-normal', 'floor-local'],
] as const;

export async function writeReport(folder: string, findings: Findings): Promise<void> {
  const { temporal, systems, say } = findings;
  const json = {
    machine: { cpu: cpus()[0]?.model, cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30) },
    versions: await versionsOf(findings),
    temporal,
    concurrency: findings.concurrency,
    counts: findings.counts,
    systems: systems.map(({ name, label, durability }) => ({ name, label, durability })),
    closed: Object.fromEntries(findings.closed),
    swept: Object.fromEntries(findings.swept),
    open: Object.fromEntries(findings.open),
  };
  writeFileSync(join(folder, `lanes-${temporal}.json`), `${JSON.stringify(json, null, 2)}\n`);
  writeFileSync(join(folder, `lanes-${temporal}.md`), `${markdown(findings)}\n`);
  writeFileSync(join(folder, `lanes-${temporal}.svg`), chart(findings));
  for (const line of ratios(findings)) say(line);
}

async function versionsOf({ stand }: Findings): Promise<Record<string, string>> {
  const { rows } = await stand.database.admin.query<{ server_version: string }>('SHOW server_version');
  return { node: process.version, postgres: rows[0]?.server_version ?? '' };
}

export function spread(values: readonly number[], digits: number): string {
  const ordered = values.toSorted((a, b) => a - b);
  const [least = 0, most = 0] = [ordered[0], ordered.at(-1)];
  const median = ordered[Math.floor(ordered.length / 2)] ?? 0;
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

interface Ratio {
  readonly name: string;
  readonly other: string;
  /** Of each round on its own. */
  readonly speeds: readonly number[];
  readonly costs: readonly number[];
}

function ratiosOf({ closed }: Findings): Ratio[] {
  return compared.flatMap(([name, other]) => {
    const [ours = [], others = []] = [closed.get(name), closed.get(other)];
    if (ours.length === 0 || others.length === 0) return [];
    const pairs = ours.map((figures, at) => ({ figures, other: others[at] ?? figures }));
    const speeds = pairs.map((pair) => pair.figures.perSecond / pair.other.perSecond);
    const costs = pairs.map((pair) => totalCpuMs(pair.figures.cpuMs) / totalCpuMs(pair.other.cpuMs));
    return [{ name, other, speeds, costs }];
  });
}

function ratios(findings: Findings): string[] {
  return ratiosOf(findings).map(
    ({ name, other, speeds, costs }) =>
      `${name} ÷ ${other}: deliveries per second ${spread(speeds, 2)}, CPU per delivery ${spread(costs, 2)}`,
  );
}

/** Far from what is measured, so that only a change of kind is noticed and no busy machine. */
const bounds: readonly { name: string; other: string; leastSpeed: number; mostCost: number }[] = [
  { name: 'direct', other: 'relay', leastSpeed: 0.12, mostCost: 12 },
  { name: 'workflow', other: 'floor-local', leastSpeed: 0.4, mostCost: 2 },
];

/** @returns what is out of bounds in the best round, or was lost or sent twice, a sentence each */
export function complaints(findings: Findings): string[] {
  const found = ratiosOf(findings).flatMap(({ name, other, speeds, costs }) => {
    const bound = bounds.find((one) => one.name === name && one.other === other);
    if (!bound) return [];
    const [speed, cost] = [Math.max(...speeds), Math.min(...costs)];
    return [
      ...(speed < bound.leastSpeed
        ? [`${name} makes ${speed.toFixed(2)} of the deliveries of ${other}, less than ${bound.leastSpeed}`]
        : []),
      ...(cost > bound.mostCost
        ? [`${name} costs ${cost.toFixed(2)} times the CPU of ${other}, more than ${bound.mostCost}`]
        : []),
    ];
  });
  const wrong = [...findings.closed].flatMap(([name, rounds]) =>
    rounds.some(({ lost, duplicates }) => lost + duplicates > 0) ? [`${name} lost deliveries or made some twice`] : [],
  );
  return [...found, ...wrong];
}

function markdown(findings: Findings): string {
  const { systems, closed, swept, open } = findings;
  const rows = systems.map(({ name, label, durability }) => {
    const figures = closed.get(name) ?? [];
    const of = (pick: (one: Figures) => number, digits: number): string => spread(figures.map(pick), digits);
    const {
      process: own,
      store,
      temporal,
    } = figures[Math.floor(figures.length / 2)]?.cpuMs ?? { process: 0, store: 0, temporal: 0 };
    const peak = Math.max(...figures.map(({ peakBytes }) => peakBytes)) / 2 ** 20;
    const lost = figures.reduce((sum, one) => sum + one.lost, 0);
    const twice = figures.reduce((sum, one) => sum + one.duplicates, 0);
    return `| ${label} | ${of((one) => one.perSecond, 0)} | ${of((one) => totalCpuMs(one.cpuMs), 2)} | ${own.toFixed(2)} + ${store.toFixed(2)} + ${temporal.toFixed(2)} | ${of((one) => one.walBytes / 1024, 1)} | ${peak.toFixed(0)} | ${lost} / ${twice} | ${durability} |`;
  });
  return [
    '| system | deliveries per second | CPU ms per delivery | process + store + Temporal | WAL KiB per delivery | peak MiB | lost / twice | durability |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    ...ratios(findings).map((line) => `- ${line}`),
    ...sweepTable(systems, swept, closed, findings.concurrency),
    ...openTable(systems, open),
  ].join('\n');
}

function sweepTable(
  systems: readonly System[],
  swept: Findings['swept'],
  closed: Findings['closed'],
  concurrency: number,
): string[] {
  const steps = [...new Set([...swept.values()].flat().map((one) => one.concurrency))];
  if (steps.length === 0) return [];
  const all = [...steps, concurrency].toSorted((a, b) => a - b);
  const rows = systems.map(({ name, label }) => {
    const cells = all.map((step) => {
      if (step === concurrency)
        return spread(
          (closed.get(name) ?? []).map(({ perSecond }) => perSecond),
          0,
        ).split(' ')[0];
      return (
        swept
          .get(name)
          ?.find((one) => one.concurrency === step)
          ?.figures.perSecond.toFixed(0) ?? ''
      );
    });
    return `| ${label} | ${cells.join(' | ')} |`;
  });
  return [
    '',
    'Deliveries per second, by events that are published at a time:',
    '',
    `| system | ${all.join(' | ')} |`,
    `| --- | ${all.map(() => '---').join(' | ')} |`,
    ...rows,
  ];
}

function openTable(systems: readonly System[], open: Findings['open']): string[] {
  if ([...open.values()].flat().length === 0) return [];
  const rows = systems.flatMap(({ name, label }) => {
    const found = open.get(name) ?? [];
    return [...new Set(found.map(({ perSecond }) => perSecond))].map((rate) => {
      const at = found.filter(({ perSecond }) => perSecond === rate);
      const of = (kind: 'accept' | 'endToEnd', field: 'p50Ms' | 'p99Ms' | 'p999Ms'): string =>
        spread(
          at.map((one) => one[kind][field]),
          1,
        );
      const cells = (['accept', 'endToEnd'] as const).flatMap((kind) =>
        (['p50Ms', 'p99Ms', 'p999Ms'] as const).map((field) => of(kind, field)),
      );
      return `| ${label} | ${rate} | ${cells.join(' | ')} |`;
    });
  });
  return [
    '',
    'Milliseconds from the time at which an event was to be sent, published at even times:',
    '',
    '| system | events per second | accept p50 | accept p99 | accept p99.9 | end to end p50 | end to end p99 | end to end p99.9 |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ];
}

const barHeight = 26;
const labelWidth = 250;
const chartWidth = 860;

/** CPU per delivery as bars, with the parts that it is made of, on a scale of tenfolds. */
function chart({ systems, closed, temporal }: Findings): string {
  const bars = systems.map(({ name, label }) => {
    const figures = closed.get(name) ?? [];
    const median = figures.toSorted((a, b) => totalCpuMs(a.cpuMs) - totalCpuMs(b.cpuMs))[
      Math.floor(figures.length / 2)
    ];
    return { label, cpu: median?.cpuMs ?? { process: 0, store: 0, temporal: 0 }, perSecond: median?.perSecond ?? 0 };
  });
  const least = 0.05;
  const most = Math.max(...bars.map(({ cpu }) => totalCpuMs(cpu)), 1);
  const scale = (value: number): number =>
    (Math.log10(Math.max(value, least) / least) / Math.log10(most / least)) * (chartWidth - labelWidth - 150);
  const height = 64 + bars.length * barHeight;
  const rows = bars.map(({ label, cpu, perSecond }, at) => {
    const y = 44 + at * barHeight;
    const total = totalCpuMs(cpu);
    const width = scale(total);
    const parts = [
      ['#2f6fde', cpu.process],
      ['#3aa675', cpu.store],
      ['#b26cd1', cpu.temporal],
    ] as const;
    let x = labelWidth;
    const rects = parts.map(([colour, part]) => {
      const w = total === 0 ? 0 : (part / total) * width;
      const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${w.toFixed(1)}" height="${barHeight - 8}" fill="${colour}"/>`;
      x += w;
      return rect;
    });
    return [
      `<text x="${labelWidth - 10}" y="${y + 14}" text-anchor="end">${label}</text>`,
      ...rects,
      `<text x="${(labelWidth + width + 8).toFixed(1)}" y="${y + 14}">${total.toFixed(2)} ms, ${perSecond.toFixed(0)}/s</text>`,
    ].join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${chartWidth} ${height}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${chartWidth}" height="${height}" fill="#ffffff"/>`,
    `<text x="10" y="22" font-size="15">CPU per delivery (median, logarithmic): <tspan fill="#2f6fde">process</tspan>, <tspan fill="#3aa675">Postgres or Redis</tspan>, <tspan fill="#b26cd1">Temporal (${temporal})</tspan></text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}
