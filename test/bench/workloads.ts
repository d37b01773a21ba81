/**
 * `npm run bench:workloads`: both lanes under loads other than one endpoint: fan-out, many tenants, slow and failing
 * receivers, a backlog, sizes, and no load at all. Each load is beside the plain one of the same run.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import { eventBody, measure, totalCpuMs, type Figures, type System } from './lanes/measure';
import { spread } from './lanes/report';
import { startEverhook, type Everhook } from './lanes/systems';
import { cpuMsOfTree } from './process-cpu';
import { createTenant, countRows, startStand, type Caller, type Stand } from './stand';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    lane: { type: 'string' },
  },
});
type Lane = 'direct' | 'workflow';
const lanes = (flags.lane?.split(',') ?? ['direct', 'workflow']) as Lane[];
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3));
const scale = flags.quick ? 10 : 1;
const deliveries: Record<Lane, number> = { direct: 10_000 / scale, workflow: 800 / scale };
const backlog: Record<Lane, number> = { direct: 20_000 / scale, workflow: 2_000 / scale };
const tenants = 1_000 / scale;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** One load of one lane: how events are published, and which deliveries they make. */
interface Load {
  readonly name: string;
  readonly system: System;
  readonly concurrency: number;
  readonly bytes?: number;
}

async function main(): Promise<void> {
  const stand = await startStand();
  const found = new Map<string, Figures[]>();
  const idle: string[] = [];
  try {
    const everhook = await startEverhook(stand);
    for (const lane of lanes) {
      const loads = (await loadsOf(stand, everhook, lane)).filter(
        ({ name }) => flags.only === undefined || flags.only.split(',').includes(name),
      );
      for (const load of loads.slice(0, 1)) await run(stand, load);
      for (let round = 1; round <= rounds; round++) {
        for (const load of loads) {
          const figures = await run(stand, load);
          const key = `${lane}: ${load.name}`;
          found.set(key, [...(found.get(key) ?? []), figures]);
          say(`round ${round}: ${key.padEnd(34)} ${lineOf(figures)}`);
        }
      }
    }
    if (flags.only === undefined || flags.only.includes('idle')) idle.push(...(await idleCost(stand, everhook)));
  } finally {
    await stand.stop();
  }
  const folder = join(projectFolder, flags.quick || flags.only ? 'dist.bench/results' : 'docs/performance');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'workloads.json'), `${JSON.stringify(Object.fromEntries(found), null, 2)}\n`);
  const table = [...tableOf(found), '', ...idle.map((line) => `- ${line}`)].join('\n');
  writeFileSync(join(folder, 'workloads.md'), `${table}\n`);
  say(`\n${table}`);
}

const run = (stand: Stand, { system, concurrency, bytes }: Load): Promise<Figures> =>
  measure(stand, system, { concurrency, body: eventBody(system.type, bytes) });

async function loadsOf(stand: Stand, everhook: Everhook, lane: Lane): Promise<Load[]> {
  const { server, tenant } = everhook;
  const count = deliveries[lane];
  const concurrency = 64;
  let made = 0;
  /** Webhooks of one event type of their own. */
  const system = async (by: Caller, webhooks: number, path = '/hook', more: object = {}): Promise<System> => {
    const type = `bench.${lane}_${made++}`;
    const ids: string[] = [];
    for (let n = 0; n < webhooks; n++) {
      const url = new URL(path, stand.receiverUrl).href;
      const settings = { url, lane, event_types: [type], max_in_flight: 500, max_queue_size: 1_000_000, ...more };
      ids.push((await by.post('/v1/webhooks', settings))['id'] ?? '');
    }
    return {
      name: type,
      label: type,
      durability: '',
      url: server.url,
      pid: server.pid,
      path: '/v1/events',
      headers: { authorization: `Bearer ${by.token}` },
      type,
      accepted: 202,
      count,
      fanOut: webhooks,
      recorded: () => countRows(stand, "hook.deliveries WHERE webhook_id = ANY($1) AND status = 'SUCCESS'", [ids]),
    };
  };
  const one = await system(tenant, 1);
  const manyTenants: System[] = [];
  for (let n = 0; n < tenants; n++) manyTenants.push(await system(await createTenant(stand, server, `t${n}`), 1));
  const ofTenants = await system(tenant, 1);
  return [
    { name: 'one endpoint', system: one, concurrency },
    { name: 'fan-out of 10', system: await system(tenant, 10), concurrency: 16 },
    { name: 'fan-out of 100', system: await system(tenant, 100), concurrency: 4 },
    { name: `${tenants} tenants`, system: together(ofTenants, manyTenants, stand), concurrency },
    { name: 'receiver takes 50 ms', system: await system(tenant, 1, '/slow/50'), concurrency },
    { name: 'every tenth takes 2 s', system: await system(tenant, 1, '/slow/0/2000'), concurrency },
    {
      name: '5 % fail at first',
      system: await system(tenant, 1, '/fail', { retry_policy: { delays_seconds: [1, 1, 1, 1, 1] } }),
      concurrency,
    },
    { name: '10 in flight at most', system: await system(tenant, 1, '/hook', { max_in_flight: 10 }), concurrency },
    { name: '256 bytes', system: one, concurrency, bytes: 256 },
    { name: '10 KiB', system: one, concurrency, bytes: 10 * 1024 },
    { name: '100 KiB', system: { ...one, count: count / 10 }, concurrency, bytes: 100 * 1024 },
    { name: `backlog of ${backlog[lane]}`, system: { ...one, count: backlog[lane] }, concurrency: 256 },
  ];
}

/** Events of all of these in turn. */
function together(first: System, systems: readonly System[], stand: Stand): System {
  return {
    ...first,
    type: 'bench.turns',
    turns: systems.map(({ headers, type }) => ({ headers, type })),
    recorded: () =>
      countRows(stand, "hook.deliveries WHERE event_type = ANY($1) AND status = 'SUCCESS'", [
        systems.map(({ type }) => type),
      ]),
  };
}

/** What everything costs while nothing happens. */
async function idleCost(stand: Stand, { server, tenant }: Everhook): Promise<string[]> {
  for (let n = 0; n < tenants; n++) {
    await tenant.post('/v1/webhooks', { url: stand.receiverUrl, event_types: [`idle.w${n}`] }).catch(() => ({}));
  }
  const webhooks = await countRows(stand, 'hook.webhook_configs');
  const parts = { process: server.pid, Postgres: stand.database.pid, Temporal: stand.temporal.pid };
  const seconds = flags.quick ? 3 : 30;
  await pause(seconds * 1000);
  const before = Object.values(parts).map(cpuMsOfTree);
  await pause(seconds * 1000);
  const after = Object.values(parts).map(cpuMsOfTree);
  return Object.keys(parts).map((name, at) => {
    const share = ((after[at] ?? 0) - (before[at] ?? 0)) / (seconds * 10);
    return `idle with ${webhooks} webhooks: ${name} ${share.toFixed(1)} % of one core`;
  });
}

function lineOf({ perSecond, cpuMs, lost, duplicates }: Figures): string {
  return `${perSecond.toFixed(0).padStart(5)}/s, CPU ms ${totalCpuMs(cpuMs).toFixed(3)}, lost ${lost}, duplicates ${duplicates}`;
}

function tableOf(found: ReadonlyMap<string, readonly Figures[]>): string[] {
  return [
    '| load | deliveries per second | CPU ms per delivery | WAL KiB per delivery | lost / twice |',
    '| --- | --- | --- | --- | --- |',
    ...[...found].map(([name, figures]) => {
      const of = (pick: (one: Figures) => number, digits: number): string => spread(figures.map(pick), digits);
      const sum = (pick: (one: Figures) => number): number => figures.reduce((total, one) => total + pick(one), 0);
      return (
        `| ${name} | ${of((one) => one.perSecond, 0)} | ${of((one) => totalCpuMs(one.cpuMs), 2)} | ` +
        `${of((one) => one.walBytes / 1024, 1)} | ${sum((one) => one.lost)} / ${sum((one) => one.duplicates)} |`
      );
    }),
  ];
}

void main();
