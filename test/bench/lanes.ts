/**
 * `npm run bench`: what a delivery costs in each lane, beside the least that it could cost, in the same run and in
 * turn. `-- --quick` is a small run of a minute; its absolute figures mean nothing, its ratios something.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startKmsEmulator } from '../../src/embedded/kms-emulator';
import { startTemporalServer } from '../../src/embedded/temporal-server';
import { choosePort } from '../../src/ports';
import { projectFolder } from '../../src/version';
import { startDatabase, type BenchDatabase } from './database';
import type { PublishOrder, PublishReport } from './lanes/publisher';
import type { Arrivals } from './lanes/receiver';
import { cpuMsOfTree } from './process-cpu';
import { startServer, type ServerProcess } from './server-process';

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
const host = '127.0.0.1';
const adminToken = 'bench-admin-token-0123456789-0123456789';
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
  const undo: (() => Promise<unknown> | void)[] = [];
  try {
    await run(undo);
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

async function run(undo: (() => Promise<unknown> | void)[]): Promise<void> {
  const database = await startDatabase();
  undo.push(() => database.stop());
  const temporal = await startTemporal(undo);
  const kms = await startKmsEmulator({ host, port: 0, masterKey: randomBytes(32) });
  undo.push(() => kms.stop());
  const [receiver, receiverUrl] = await startChild('receiver', undo);
  const [publisher] = await startChild('publisher', undo);

  const profiles = flags.profile ? { profiles: join(folder, 'profiles') } : {};
  const start = async (name: string, env: Record<string, string>): Promise<ServerProcess> => {
    const server = await startServer({ script: join(__dirname, 'lanes', `${name}.js`), env, pin: false, ...profiles });
    undo.push(() => server.stop());
    return server;
  };
  await database.admin.query(`
    CREATE SCHEMA relay;
    CREATE TABLE relay.deliveries (id text PRIMARY KEY, body text NOT NULL, status integer, at timestamptz DEFAULT now());
    CREATE TABLE relay.attempts (delivery_id text, status integer, duration_ms integer, at timestamptz DEFAULT now());
    GRANT USAGE ON SCHEMA relay TO hook_worker;
    GRANT ALL ON ALL TABLES IN SCHEMA relay TO hook_worker`);
  const relay = await start('relay', { DATABASE_WORKER_URL: database.workerUrl, RECEIVER: receiverUrl });
  const everhook = await start('everhook', {
    PORT: '0',
    METRICS_PORT: '0',
    DATABASE_URL: database.serviceUrl,
    DATABASE_WORKER_URL: database.workerUrl,
    TEMPORAL_ADDRESS: temporal.address,
    KMS_KEY_ID: kms.keyArn,
    KMS_ENDPOINT: kms.url,
    KMS_ALLOW_EMULATOR: 'true',
    JWT_SECRET: 'bench-jwt-secret-0123456789-0123456789',
    ADMIN_TOKEN: adminToken,
    MANAGEMENT_RATE_PER_MINUTE: '0',
    EGRESS_ALLOW_CIDRS: '127.0.0.0/8',
    EGRESS_ALLOW_HTTP: 'true',
  });

  const systems: System[] = [
    {
      name: 'relay',
      server: relay,
      path: '/',
      headers: {},
      count: size.direct,
      recorded: () => count(database, 'SELECT count(*)::int AS n FROM relay.deliveries WHERE status = 200'),
    },
    await everhookSystem(database, everhook, receiverUrl, 'direct', size.direct),
    await everhookSystem(database, everhook, receiverUrl, 'workflow', size.workflow),
  ].filter(({ name }) => flags.only === undefined || flags.only.split(',').includes(name));

  const found = new Map<string, Figures[]>(systems.map(({ name }) => [name, []]));
  const pids = { postgres: database.pid, temporal: temporal.pid };
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
  while ((await system.recorded()) - before < system.count) await new Promise((resolve) => setTimeout(resolve, 20));
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
  database: BenchDatabase,
  server: ServerProcess,
  receiverUrl: string,
  lane: 'direct' | 'workflow',
  deliveries: number,
): Promise<System> {
  const call = async (path: string, token: string, body: object): Promise<Record<string, string>> => {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    const json = (await answer.json()) as { data: Record<string, string> | null; access_token?: string };
    if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(json)}`);
    return json.data ?? { access_token: json.access_token ?? '' };
  };
  const tenant = await call('/v1/tenants', adminToken, { name: lane });
  await database.admin.query(
    `UPDATE hook.quotas SET max_events_per_sec = 1000000, max_concurrent_deliveries = 1000 WHERE tenant_id = $1`,
    [tenant['id']],
  );
  const { access_token: token = '' } = await call('/v1/auth', '', {
    grant_type: 'client_credentials',
    client_id: tenant['client_id'],
    client_secret: tenant['client_secret'],
  });
  const webhook = await call('/v1/webhooks', token, {
    url: receiverUrl,
    lane,
    max_in_flight: 500,
    max_queue_size: 1_000_000,
  });
  return {
    name: lane,
    server,
    path: '/v1/events',
    headers: { authorization: `Bearer ${token}` },
    count: deliveries,
    recorded: () =>
      count(database, `SELECT count(*)::int AS n FROM hook.deliveries WHERE webhook_id = $1 AND status = 'SUCCESS'`, [
        webhook['id'],
      ]),
  };
}

async function count({ admin }: BenchDatabase, sql: string, values: unknown[] = []): Promise<number> {
  const { rows } = await admin.query<{ n: number }>(sql, values);
  return rows[0]?.n ?? 0;
}

async function startTemporal(undo: (() => Promise<unknown> | void)[]) {
  const cliPath = process.env['TEMPORAL_CLI_PATH'];
  if (cliPath === undefined) throw new Error('TEMPORAL_CLI_PATH is not set');
  const dataFolder = mkdtempSync(join(tmpdir(), 'everhook-bench-'));
  undo.push(() => rmSync(dataFolder, { recursive: true, force: true }));
  const { port } = await choosePort({ name: 'TEMPORAL_PORT', preferred: 0, host });
  const server = await startTemporalServer({
    cliPath,
    dataFile: join(dataFolder, 'temporal.db'),
    host,
    port,
    logFile: join(dataFolder, 'temporal.log'),
    namespace: 'default',
    retentionHours: 24,
  });
  undo.push(() => server.stop());
  return server;
}

async function startChild(name: string, undo: (() => Promise<unknown> | void)[]): Promise<[ChildProcess, string]> {
  const child = fork(join(__dirname, 'lanes', `${name}.js`));
  undo.push(() => {
    if (child.connected) child.disconnect();
  });
  return [child, String((await once(child, 'message'))[0])];
}

async function ask<Answer>(child: ChildProcess, message: object | string): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(message);
  return (await answer)[0] as Answer;
}

void main();
