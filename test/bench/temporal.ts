/**
 * `npm run bench:temporal`: what each preset of deploy/temporal buys in the workflow lane, beside a Temporal server as
 * it comes, on the same machine and Postgres in turn.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import { measure, totalCpuMs, type Figures } from './lanes/measure';
import { spread } from './lanes/report';
import { startEverhook, startSystems } from './lanes/systems';
import { startStand } from './stand';
import { startTemporalOnPostgres, type TemporalOnPostgresOptions } from './temporal-on-postgres';

const { values: flags } = parseArgs({
  options: {
    passes: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});

type Preset = Pick<TemporalOnPostgresOptions, 'afterSchema' | 'dynamicConfig' | 'env' | 'historyShards'>;

const file = (name: string): string => readFileSync(join(projectFolder, 'deploy', 'temporal', name), 'utf8');
const [indexes, commit, dynamicConfig] = ['visibility-indexes.sql', 'commit.sql', 'dynamic-config.yaml'].map(file);
const all = {
  afterSchema: { temporal: commit ?? '', visibility: `${indexes};${commit}` },
  dynamicConfig: dynamicConfig ?? '',
};

const presets: Record<string, Preset> = {
  stock: {},
  'visibility-indexes.sql': { afterSchema: { visibility: indexes ?? '' } },
  'commit.sql': { afterSchema: { temporal: commit ?? '', visibility: commit ?? '' } },
  'dynamic-config.yaml': { dynamicConfig: dynamicConfig ?? '' },
  'all of them': all,
  'all, and GOGC=400': { ...all, env: { GOGC: '400' } },
  'all, and 16 shards': { ...all, historyShards: 16 },
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const names = flags.only?.split(',') ?? Object.keys(presets);
  const found = new Map<string, Figures[]>(names.map((name) => [name, []]));
  for (let pass = 1; pass <= Number(flags.passes); pass++) {
    for (const name of names) {
      for (const figures of await run(presets[name] ?? {})) {
        found.get(name)?.push(figures);
        const { process: own, store, temporal } = figures.cpuMs;
        say(
          `pass ${pass}: ${name.padEnd(24)} ${figures.perSecond.toFixed(0)}/s, CPU ms ${totalCpuMs(figures.cpuMs).toFixed(1)} ` +
            `(process ${own.toFixed(1)}, Postgres ${store.toFixed(1)}, Temporal ${temporal.toFixed(1)}), lost ${figures.lost}, duplicates ${figures.duplicates}`,
        );
      }
    }
  }
  say('');
  say('| settings | deliveries per second | CPU ms per delivery | of it Postgres | of it Temporal | WAL KiB |');
  say('| --- | --- | --- | --- | --- | --- |');
  for (const [name, figures] of found) {
    const of = (pick: (one: Figures) => number, digits: number): string => spread(figures.map(pick), digits);
    say(
      `| ${name} | ${of((one) => one.perSecond, 0)} | ${of((one) => totalCpuMs(one.cpuMs), 1)} | ${of((one) => one.cpuMs.store, 1)} | ` +
        `${of((one) => one.cpuMs.temporal, 1)} | ${of((one) => one.walBytes / 1024, 1)} |`,
    );
  }
}

async function run(preset: Preset): Promise<Figures[]> {
  const programs = process.env['TEMPORAL_SERVER_FOLDER'] ?? '';
  const stand = await startStand({
    startTemporal: (parts) => startTemporalOnPostgres({ programs, ...parts, ...preset }),
  });
  try {
    const everhook = await startEverhook(stand);
    const [workflow] = await startSystems(stand, ['workflow'], { light: 0, heavy: 1_000 }, everhook);
    if (!workflow) throw new Error('the workflow lane cannot be measured');
    await measure(stand, workflow, { concurrency: 64 });
    const figures: Figures[] = [];
    for (let round = 1; round <= Number(flags.rounds); round++) {
      figures.push(await measure(stand, workflow, { concurrency: 64 }));
    }
    return figures;
  } finally {
    await stand.stop();
  }
}

void main();
