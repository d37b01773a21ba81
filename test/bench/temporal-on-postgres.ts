/**
 * A Temporal server as in production: one process with all services, on databases of its own in the measurement's
 * Postgres. Its settings come from deploy/temporal, so that what is measured is what is shipped.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { Client } from 'pg';
import { logTail, startProcess } from '../../src/embedded/process';
import { isPortFree } from '../../src/ports';
import type { BenchDatabase } from './database';

export interface TemporalOnPostgresOptions {
  /** Holds `server` and `sql`. */
  readonly programs: string;
  /** For its log and its dynamic configuration. */
  readonly folder: string;
  readonly database: BenchDatabase;
  readonly historyShards?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** YAML of the dynamic configuration, in place of none. */
  readonly dynamicConfig?: string;
  /** SQL for the two databases, run after their schemas were set up and before the server starts. */
  readonly afterSchema?: { readonly temporal?: string; readonly visibility?: string };
}

export interface TemporalOnPostgres {
  readonly pid: number;
  readonly address: string;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const run = promisify(execFile);
const readyTimeoutMs = 60_000;

/** @throws Error when the schema cannot be set up or the server does not answer in time */
export async function startTemporalOnPostgres(options: TemporalOnPostgresOptions): Promise<TemporalOnPostgres> {
  const { programs, folder, database } = options;
  const { port: databasePort, password } = database.superuser;
  const suffix = Date.now().toString(36);
  const names = { temporal: `temporal_${suffix}`, visibility: `temporal_visibility_${suffix}` };
  for (const kind of ['temporal', 'visibility'] as const) {
    const sql = (...args: string[]) =>
      run(join(programs, 'sql'), [
        ...`--plugin postgres12 --ep ${host} -p ${databasePort} -u postgres --pw ${password} --db ${names[kind]}`.split(
          ' ',
        ),
        ...args,
      ]);
    await sql('create-database');
    await sql('setup-schema', '-v', '0.0');
    await sql('update-schema', '--schema-name', `postgresql/v12/${kind}`);
    const after = options.afterSchema?.[kind];
    if (after !== undefined) await runSql(database.superuser.url(names[kind]), after);
  }
  const dynamicConfigFile = join(folder, `dynamic-${suffix}.yaml`);
  writeFileSync(dynamicConfigFile, options.dynamicConfig ?? '{}\n');
  const ports = await freePorts();
  const logFile = join(folder, `temporal-${suffix}.log`);
  const server = await startProcess({
    name: 'Temporal',
    command: join(programs, 'server'),
    args: ['--allow-no-auth', 'start'],
    logFile,
    parentDeathSignal: 'SIGINT',
    env: {
      DB: 'postgres12_pgx',
      POSTGRES_SEEDS: host,
      DB_PORT: String(databasePort),
      POSTGRES_USER: 'postgres',
      POSTGRES_PWD: password,
      DBNAME: names.temporal,
      VISIBILITY_DBNAME: names.visibility,
      NUM_HISTORY_SHARDS: String(options.historyShards ?? 4),
      BIND_ON_IP: host,
      DYNAMIC_CONFIG_FILE_PATH: dynamicConfigFile,
      LOG_LEVEL: 'warn',
      ...ports,
      ...options.env,
    },
  });
  const address = `${host}:${ports['FRONTEND_GRPC_PORT']}`;
  const stop = (): Promise<void> => server.stop({ signal: 'SIGINT', graceMs: 15_000 });
  try {
    await createNamespace(address);
  } catch (error) {
    await stop();
    throw new Error(`The Temporal server does not answer; its log ends with\n${logTail(logFile)}`, { cause: error });
  }
  return { pid: server.pid, address, stop };
}

async function runSql(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

const portNames = [
  ...['FRONTEND', 'HISTORY', 'MATCHING', 'WORKER'].flatMap((service) => [
    `${service}_GRPC_PORT`,
    `${service}_MEMBERSHIP_PORT`,
  ]),
  'FRONTEND_HTTP_PORT',
];

/** All of them, as the defaults may be taken. Members write their ports down as 16 bits with a sign. */
async function freePorts(): Promise<Record<string, string>> {
  const ports: Record<string, string> = {};
  let port = 20_000 + Math.floor(Math.random() * 10_000);
  for (const name of portNames) {
    do port++;
    while (!(await isPortFree(port, host)));
    ports[name] = String(port);
  }
  return ports;
}

/** The server answers a while before it knows the namespace. */
async function createNamespace(address: string): Promise<void> {
  const giveUpAt = performance.now() + readyTimeoutMs;
  const connection = Connection.lazy({ address, connectTimeout: 3_000 });
  const { workflowService } = connection;
  try {
    for (let created = false; ;) {
      try {
        if (!created) {
          await workflowService.registerNamespace({
            namespace: 'default',
            workflowExecutionRetentionPeriod: msToTs('7 days'),
          });
          created = true;
        }
        await workflowService.listOpenWorkflowExecutions({ namespace: 'default' });
        return;
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await pause(200);
      }
    }
  } finally {
    await connection.close();
  }
}
