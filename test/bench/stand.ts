/** What measurements of deliveries run on: Postgres, a Temporal server, a KMS emulator, a receiver and a publisher. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startKmsEmulator } from '../../src/embedded/kms-emulator';
import { startTemporalServer, type TemporalServer } from '../../src/embedded/temporal-server';
import { choosePort } from '../../src/ports';
import { startDatabase, type BenchDatabase } from './database';
import { startRedis, type Redis } from './redis';
import { startServer, type ServerOptions, type ServerProcess } from './server-process';

const host = '127.0.0.1';
const adminToken = 'bench-admin-token-0123456789-0123456789';

export interface Stand {
  readonly database: BenchDatabase;
  readonly receiver: ChildProcess;
  readonly receiverUrl: string;
  readonly publisher: ChildProcess;
  /** What Everhook reads from its environment. */
  readonly env: Readonly<Record<string, string>>;
  temporal: Pick<TemporalServer, 'pid' | 'address' | 'stop'>;
  /** Undefined where it was not asked for or there is none. */
  readonly redis: Redis | undefined;
  /** Ends the Temporal server, forgets all that it knew, and starts it again in the same place. */
  loseTemporal(): Promise<void>;
  /** Starts one of the programs beside this file; it is stopped with the stand. */
  startServer(name: string, options: Omit<ServerOptions, 'script' | 'pin'>): Promise<ServerProcess>;
  stop(): Promise<void>;
}

export interface StandOptions {
  readonly redis?: boolean;
  /** A Temporal server other than the embedded development server. */
  readonly startTemporal?: (stand: {
    readonly database: BenchDatabase;
    readonly folder: string;
  }) => Promise<Stand['temporal']>;
}

export async function startStand(options: StandOptions = {}): Promise<Stand> {
  const undo: (() => Promise<unknown> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const database = await startDatabase();
    undo.push(() => database.stop());
    const folder = mkdtempSync(join(tmpdir(), 'everhook-bench-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const { port } = await choosePort({ name: 'TEMPORAL_PORT', preferred: 0, host });
    const temporal = options.startTemporal
      ? await options.startTemporal({ database, folder })
      : await startTemporal(folder, port);
    undo.push(() => stand.temporal.stop());
    const redis = options.redis ? await startRedis(folder) : undefined;
    undo.push(() => redis?.stop());
    const kms = await startKmsEmulator({ host, port: 0, masterKey: randomBytes(32) });
    undo.push(() => kms.stop());
    const [receiver, receiverUrl] = await startChild('receiver', undo);
    const [publisher] = await startChild('publisher', undo);

    const stand: Stand = {
      database,
      receiver,
      receiverUrl,
      publisher,
      temporal,
      redis,
      env: {
        PORT: '0',
        METRICS_PORT: '0',
        DATABASE_URL: database.serviceUrl,
        DATABASE_WORKER_URL: database.workerUrl,
        TEMPORAL_ADDRESS: temporal.address,
        KMS_KEY_ID: kms.keyArn,
        KMS_ENDPOINT: kms.url,
        KMS_ALLOW_EMULATOR: 'true',
        AWS_ACCESS_KEY_ID: 'bench',
        AWS_SECRET_ACCESS_KEY: 'bench',
        JWT_SECRET: 'bench-jwt-secret-0123456789-0123456789',
        ADMIN_TOKEN: adminToken,
        MANAGEMENT_RATE_PER_MINUTE: '0',
        EGRESS_ALLOW_CIDRS: '127.0.0.0/8',
        EGRESS_ALLOW_HTTP: 'true',
      },
      async loseTemporal() {
        await stand.temporal.stop();
        for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `temporal.db${end}`), { force: true });
        stand.temporal = await startTemporal(folder, port);
      },
      async startServer(name, options) {
        const server = await startServer({ script: join(__dirname, 'programs', `${name}.js`), pin: false, ...options });
        undo.push(() => server.stop());
        return server;
      },
      stop,
    };
    return stand;
  } catch (error) {
    await stop();
    throw error;
  }
}

function startTemporal(folder: string, port: number): Promise<TemporalServer> {
  const cliPath = process.env['TEMPORAL_CLI_PATH'];
  if (cliPath === undefined) throw new Error('TEMPORAL_CLI_PATH is not set');
  return startTemporalServer({
    cliPath,
    dataFile: join(folder, 'temporal.db'),
    host,
    port,
    logFile: join(folder, 'temporal.log'),
    namespace: 'default',
    retentionHours: 24,
  });
}

async function startChild(name: string, undo: (() => Promise<unknown> | void)[]): Promise<[ChildProcess, string]> {
  const child = fork(join(__dirname, 'programs', `${name}.js`));
  undo.push(() => {
    if (child.connected) child.disconnect();
  });
  return [child, String((await once(child, 'message'))[0])];
}

/** One question to a program of the stand, and its answer. */
export async function ask<Answer>(child: ChildProcess, message: object | string | number): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(message);
  return (await answer)[0] as Answer;
}

/** The API as one tenant, or the admin, uses it. */
export interface Caller {
  readonly tenantId: string;
  readonly token: string;
  /** @throws Error when it is refused */
  post(path: string, body?: object): Promise<Record<string, string>>;
}

/** A tenant whose quotas are out of the way. */
export async function createTenant(stand: Stand, server: ServerProcess, name: string): Promise<Caller> {
  const tenant = await post(server, adminToken, '/v1/tenants', { name });
  await stand.database.admin.query(
    `UPDATE hook.quotas SET max_events_per_sec = 1000000, max_concurrent_deliveries = 1000, max_dlq_size = 1000000,
            max_active_webhooks = 1000
     WHERE tenant_id = $1`,
    [tenant['id']],
  );
  const granted = await post(server, '', '/v1/auth', {
    grant_type: 'client_credentials',
    client_id: tenant['client_id'],
    client_secret: tenant['client_secret'],
  });
  const token = granted['access_token'] ?? '';
  return { tenantId: tenant['id'] ?? '', token, post: (path, body = {}) => post(server, token, path, body) };
}

async function post(server: ServerProcess, token: string, path: string, body: object): Promise<Record<string, string>> {
  const answer = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== '' && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const json = (await answer.json()) as { data?: Record<string, string> | null };
  if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(json)}`);
  return json.data ?? (json as Record<string, string>);
}

export async function countRows({ database }: Stand, sql: string, values: unknown[] = []): Promise<number> {
  const { rows } = await database.admin.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${sql}`, values);
  return rows[0]?.n ?? 0;
}

/** @throws Error when it has not come true in time: a quarter of an hour unless given */
export async function until(condition: () => Promise<boolean>, what: string, limitMs = 900_000): Promise<void> {
  const endsAt = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`waited ${limitMs / 60_000} minutes for ${what}`);
    await pause(50);
  }
}
