/**
 * `npm run bench:api`: what the API costs beside a bare Fastify route that writes the same rows into the same
 * database, in the same run and in turn, and how its lists are answered over a large history.
 * `-- --quick` is a small run that shows that the measurement works; its figures mean nothing.
 * `-- --profile` leaves a CPU profile of each server in dist.bench/profiles.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApp } from '../../src/api/app';
import type { App } from '../../src/api/http';
import { loadConfig } from '../../src/config';
import { createContext } from '../../src/context';
import { createLogger } from '../../src/telemetry/logger';
import { projectFolder } from '../../src/version';
import { drain, fill, startDatabase, type BenchDatabase, type History } from './database';
import { concurrency, measure, type Figures, type Request } from './load';
import { explainLists, type Plan } from './plans';
import { moveAside, pinned, startServer, type ServerProcess } from './server-process';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false } },
});
const size = flags.quick
  ? { deliveries: 20_000, rounds: 1, seconds: 1, warmUpSeconds: 0.5 }
  : { deliveries: 1_000_000, rounds: 5, seconds: 8, warmUpSeconds: 5 };

const folder = join(projectFolder, 'dist.bench');
const adminToken = 'bench-admin-token-0123456789-0123456789';
const outboxNote =
  'The outbox is stopped: an event is accepted and committed, and its workflow is not started, so that neither a Temporal server nor a receiver takes part.';

type Name = 'publish' | 'bareTransaction' | 'bareStatement' | 'deadLetters';

const titles: Record<Name, string> = {
  publish: '`POST /v1/events`',
  bareTransaction: 'bare route, BEGIN, two INSERTs, COMMIT',
  bareStatement: 'bare route, both rows by one statement',
  deadLetters: '`GET /v1/deliveries?status=DEAD_LETTER`',
};

interface Target {
  readonly name: Name;
  readonly server: ServerProcess;
  readonly request: Request;
}

interface Tenant {
  readonly id: string;
  readonly token: string;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const database = await startDatabase();
  try {
    await run(database);
  } finally {
    await database.stop();
  }
}

async function run(database: BenchDatabase): Promise<void> {
  const env = environment(database);
  const ctx = createContext(loadConfig(env), { log: createLogger({ level: 'silent' }) });
  const app = await buildApp(ctx);
  try {
    const tenant = await createTenant(app);
    say(`Filling ${size.deliveries.toLocaleString('en')} deliveries ...`);
    const history = await fill(database.admin, tenant.id, size.deliveries);
    const plans = await explainLists(app, database, tenant, history);
    report(await measureAll(database, env, tenant, history), plans);
  } finally {
    await app.close();
    await ctx.close();
  }
}

function environment(database: BenchDatabase): Record<string, string> {
  return {
    DATABASE_URL: database.serviceUrl,
    DATABASE_WORKER_URL: database.workerUrl,
    KMS_KEY_ID: 'arn:aws:kms:eu-west-1:000000000000:key/bench',
    JWT_SECRET: 'bench-jwt-secret-0123456789-0123456789',
    ADMIN_TOKEN: adminToken,
    MANAGEMENT_RATE_PER_MINUTE: '1000000',
  };
}

async function createTenant(app: App): Promise<Tenant> {
  const headers = { 'content-type': 'application/json' };
  const made = await app.inject({
    method: 'POST',
    url: '/v1/tenants',
    headers: { ...headers, authorization: `Bearer ${adminToken}` },
    payload: { name: 'Busy' },
  });
  const { id, client_id, client_secret } = made.json<{ data: Record<string, string> }>().data;
  const granted = await app.inject({
    method: 'POST',
    url: '/v1/auth',
    headers,
    payload: { grant_type: 'client_credentials', client_id, client_secret },
  });
  return { id: id ?? '', token: granted.json<{ access_token: string }>().access_token };
}

async function measureAll(
  database: BenchDatabase,
  env: Record<string, string>,
  tenant: Tenant,
  history: History,
): Promise<Map<Name, Figures[]>> {
  const profiles = flags.profile ? join(folder, 'profiles') : undefined;
  const script = (name: string): string => join(__dirname, `${name}.js`);
  const servers: ServerProcess[] = [];
  try {
    const everhook = await startServer({ script: script('everhook-server'), env, profiles });
    servers.push(everhook);
    const place = { ...env, TENANT: tenant.id, WEBHOOK: history.webhookId };
    const bare = await startServer({ script: script('bare-server'), env: place, profiles });
    servers.push(bare);
    moveAside();
    return await rounds(database, history, targetsOf(everhook, bare, tenant));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

function targetsOf(everhook: ServerProcess, bare: ServerProcess, { token }: Tenant): Target[] {
  const authorization = `Bearer ${token}`;
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'order.created', payload: { order: 4711, total: '19.90', note: 'x'.repeat(200) } }),
    expectedStatus: 202,
  } as const;
  return [
    {
      name: 'publish',
      server: everhook,
      request: { ...post, path: '/v1/events', headers: { ...post.headers, authorization } },
    },
    { name: 'bareTransaction', server: bare, request: { ...post, path: '/transaction' } },
    { name: 'bareStatement', server: bare, request: { ...post, path: '/statement' } },
    {
      name: 'deadLetters',
      server: everhook,
      request: {
        method: 'GET',
        path: '/v1/deliveries?status=DEAD_LETTER',
        headers: { authorization },
        expectedStatus: 200,
      },
    },
  ];
}

/** In turn within each round, so that whatever else the machine does falls on all of them. */
async function rounds(database: BenchDatabase, history: History, targets: Target[]): Promise<Map<Name, Figures[]>> {
  const figures = new Map<Name, Figures[]>(targets.map(({ name }) => [name, []]));
  for (const { server, request } of targets) await measure(server, request, size.warmUpSeconds);
  for (let round = 1; round <= size.rounds; round++) {
    for (const { name, server, request } of targets) {
      await drain(database.admin, history);
      const found = await measure(server, request, size.seconds);
      figures.get(name)?.push(found);
      say(
        `round ${round} of ${size.rounds}: ${name} ${found.perSecond.toFixed(0)}/s, ${found.cpuMs.toFixed(3)} ms CPU`,
      );
    }
  }
  return figures;
}

function report(figures: Map<Name, Figures[]>, plans: Plan[]): void {
  for (const { path, text } of plans) say(`\nGET ${path}\n${text}`);

  const cpuOf = (name: Name): number[] => (figures.get(name) ?? []).map(({ cpuMs }) => cpuMs);
  // Of each round on its own, since the machine may differ between rounds.
  const ratioTo = (name: Name): number[] => cpuOf('publish').map((cpu, round) => cpu / (cpuOf(name)[round] ?? 0));
  const ratios = { bareTransaction: ratioTo('bareTransaction'), bareStatement: ratioTo('bareStatement') };
  const scanned = plans.filter((plan) => plan.scanned.length > 0);

  say(`\n${tableOf(figures)}\n`);
  say(
    `CPU of accepting an event ÷ ${titles.bareTransaction}: ${spread(ratios.bareTransaction, 2)} (target: at most 2)`,
  );
  say(`CPU of accepting an event ÷ ${titles.bareStatement}: ${spread(ratios.bareStatement, 2)}`);
  say(`${plans.length} statements explained, ${scanned.length} of them read a large table from end to end`);
  say(outboxNote);
  say(pinned ? 'Each server is pinned to core 0; the load is made on the others.' : 'Nothing is pinned to a core.');

  const file = join(folder, flags.quick ? 'api-quick.json' : 'api.json');
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, pinned };
  mkdirSync(folder, { recursive: true });
  const facts = { machine, size, concurrency, figures: Object.fromEntries(figures), ratios, plans };
  writeFileSync(file, JSON.stringify(facts, null, 2));
  say(`All figures: ${file}`);
  if (scanned.length > 0) {
    say(`Read from end to end: ${scanned.map((plan) => `${plan.path} (${plan.scanned.join(', ')})`).join('; ')}`);
    process.exitCode = 1;
  }
}

function tableOf(figures: Map<Name, Figures[]>): string {
  const row = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(['', 'requests per second', 'p50 ms', 'p99 ms', 'CPU ms per request']),
    row(['---', '---', '---', '---', '---']),
    ...[...figures].map(([name, found]) =>
      row([
        titles[name],
        spread(
          found.map(({ perSecond }) => perSecond),
          0,
        ),
        spread(
          found.map(({ p50Ms }) => p50Ms),
          1,
        ),
        spread(
          found.map(({ p99Ms }) => p99Ms),
          1,
        ),
        spread(
          found.map(({ cpuMs }) => cpuMs),
          3,
        ),
      ]),
    ),
  ].join('\n');
}

/** The median, and from where to where. */
function spread(values: number[], digits: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN).toFixed(digits);
  return `${at(0.5)} (${at(0)}–${at(1)})`;
}

void main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
