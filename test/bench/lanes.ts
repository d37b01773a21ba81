/**
 * `npm run bench`: what a delivery costs in each lane, beside the least that it could cost, in the same run and in
 * turn. `-- --quick` is a small run of a minute; its absolute figures mean nothing, its ratios something.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import type { PublishOrder, PublishReport } from './lanes/publisher';
import type { Arrivals } from './lanes/receiver';
import { cpuMsOfTree } from './process-cpu';
import type { ServerProcess } from './server-process';
import { ask, countRows, createTenant, startStand, until, type Stand } from './stand';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '64' },
  },
});
const size = flags.quick ? { rounds: 1, direct: 3_000, workflow: 200 } : { rounds: 5, direct: 20_000, workflow: 1_000 };
const concurrency = Number(flags.concurrency);
const folder = join(projectFolder, 'dist.bench');

interface System {
  readonly name: string;
  readonly server: ServerProcess;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly count: number;
  /** Deliveries recorded as successful so far. */
  recorded(): Promise<number>;
}

interface Figures {
  /** Deliveries recorded per second, from the first event to the last record. */
  readonly perSecond: number;
  readonly acceptP50Ms: number;
  readonly acceptP99Ms: number;
  /** CPU per delivery in milliseconds. */
  readonly cpuMs: { readonly process: number; readonly postgres: number; readonly temporal: number };
  readonly lost: number;
  readonly duplicates: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const stand = await startStand();
  try {
    await run(stand);
  } finally {
    await stand.stop();
  }
}

async function run(stand: Stand): Promise<void> {
  const { database, receiver, receiverUrl, publisher } = stand;
  await database.admin.query(`
    CREATE SCHEMA relay;
    CREATE TABLE relay.deliveries (id text PRIMARY KEY, body text NOT NULL, status integer, at timestamptz DEFAULT now());
    CREATE TABLE relay.attempts (delivery_id text, status integer, duration_ms integer, at timestamptz DEFAULT now());
    GRANT USAGE ON SCHEMA relay TO hook_worker;
    GRANT ALL ON ALL TABLES IN SCHEMA relay TO hook_worker`);
  const profiles = flags.profile ? { profiles: join(folder, 'profiles') } : {};
  const env = { DATABASE_WORKER_URL: database.workerUrl, RECEIVER: receiverUrl };
  const relay = await stand.startServer('relay', { env, ...profiles });
  const everhook = await stand.startServer('everhook', { env: stand.env, ...profiles });

  const systems: System[] = [
    {
      name: 'relay',
      server: relay,
      path: '/',
      headers: {},
      count: size.direct,
      recorded: () => countRows(stand, 'relay.deliveries WHERE status = 200'),
    },
    await everhookSystem(stand, everhook, 'direct', size.direct),
    await everhookSystem(stand, everhook, 'workflow', size.workflow),
  ].filter(({ name }) => flags.only === undefined || flags.only.split(',').includes(name));

  const found = new Map<string, Figures[]>(systems.map(({ name }) => [name, []]));
  const pids = { postgres: database.pid, temporal: stand.temporal.pid };
  for (const system of systems) await measure({ ...system, count: system.count / 10 }, receiver, publisher, pids);
  for (let round = 1; round <= size.rounds; round++) {
    for (const system of systems) {
      const figures = await measure(system, receiver, publisher, pids);
      found.get(system.name)?.push(figures);
      say(`round ${round}: ${system.name.padEnd(9)} ${lineOf(figures)}`);
    }
  }
  mkdirSync(folder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(
    join(folder, flags.quick ? 'lanes-quick.json' : 'lanes.json'),
    JSON.stringify({ machine, size, concurrency, figures: Object.fromEntries(found) }, null, 2),
  );
}

async function measure(
  system: System,
  receiver: ChildProcess,
  publisher: ChildProcess,
  pids: { postgres: number; temporal: number },
): Promise<Figures> {
  await ask<Arrivals>(receiver, 'reset');
  const before = await system.recorded();
  const cpu = () => ({
    process: system.server.cpuMs(),
    postgres: cpuMsOfTree(pids.postgres),
    temporal: cpuMsOfTree(pids.temporal),
  });
  const cpuBefore = cpu();
  const startedAt = performance.now();
  const report = await ask<PublishReport>(publisher, {
    url: system.server.url,
    path: system.path,
    headers: { 'content-type': 'application/json', ...system.headers },
    body: JSON.stringify({ type: 'order.created', payload: { order: 4711, total: '19.90', note: 'x'.repeat(900) } }),
    count: system.count,
    concurrency,
  } satisfies PublishOrder);
  await until(async () => (await system.recorded()) - before >= system.count, 'all to be recorded');
  const elapsedMs = performance.now() - startedAt;
  const cpuAfter = cpu();
  const { all, distinct } = await ask<Arrivals>(receiver, 'count');
  const perDelivery = (name: keyof typeof cpuAfter): number => (cpuAfter[name] - cpuBefore[name]) / system.count;
  return {
    perSecond: system.count / (elapsedMs / 1000),
    acceptP50Ms: report.p50Ms,
    acceptP99Ms: report.p99Ms,
    cpuMs: { process: perDelivery('process'), postgres: perDelivery('postgres'), temporal: perDelivery('temporal') },
    lost: system.count - distinct,
    duplicates: all - distinct,
  };
}

function lineOf({ perSecond, acceptP50Ms, acceptP99Ms, cpuMs, lost, duplicates }: Figures): string {
  const total = cpuMs.process + cpuMs.postgres + cpuMs.temporal;
  const parts = `process ${cpuMs.process.toFixed(3)}, Postgres ${cpuMs.postgres.toFixed(3)}, Temporal ${cpuMs.temporal.toFixed(3)}`;
  const accept = `accept p50 ${acceptP50Ms.toFixed(1)} p99 ${acceptP99Ms.toFixed(1)} ms`;
  return `${perSecond.toFixed(0).padStart(5)}/s, CPU ms ${total.toFixed(3)} (${parts}), ${accept}, lost ${lost}, duplicates ${duplicates}`;
}

async function everhookSystem(
  stand: Stand,
  server: ServerProcess,
  lane: 'direct' | 'workflow',
  deliveries: number,
): Promise<System> {
  const tenant = await createTenant(stand, server, lane);
  const settings = { lane, max_in_flight: 500, max_queue_size: 1_000_000 };
  const { id } = await tenant.post('/v1/webhooks', { url: stand.receiverUrl, ...settings });
  return {
    name: lane,
    server,
    path: '/v1/events',
    headers: { authorization: `Bearer ${tenant.token}` },
    count: deliveries,
    recorded: () => countRows(stand, "hook.deliveries WHERE webhook_id = $1 AND status = 'SUCCESS'", [id]),
  };
}

void main();
