/**
 * What a whole test run shares: one Postgres with a migrated template database, one Temporal dev server
 * and one workflow bundle. Projects that need them name this file; the first of them starts everything.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { choosePort } from '../../src/ports';
import { ensureDatabase, ensureLogin, startPostgres } from '../../src/embedded/postgres';
import { startTemporalServer } from '../../src/embedded/temporal-server';
import { createLogger } from '../../src/telemetry/logger';
import { migrate } from '../../src/store/migrations';
import { ensureSearchAttributes } from '../../src/temporal/namespace';
import tearDown from './global-teardown';
import { setShared, type SharedServers } from './shared-servers';
import { bundleWorkflows } from './workflow-bundle';

const root = join(__dirname, '..', '..');
const host = '127.0.0.1';

export default async function setUp(): Promise<void> {
  if (globalThis.everhookTestServers) return;
  const folder = mkdtempSync(join(tmpdir(), 'everhook-test-'));
  const stops: (() => Promise<void>)[] = [];
  globalThis.everhookTestServers = { folder, stops };
  try {
    const [postgres, temporalAddress] = await Promise.all([
      startTestPostgres(folder, stops),
      startTestTemporal(folder, stops),
      bundleWorkflows(folder),
    ]);
    setShared({ postgres, temporalAddress, bundleFolder: folder });
  } catch (error) {
    // Jest runs no teardown after a set-up that failed.
    await tearDown();
    throw error;
  }
}

async function startTestPostgres(folder: string, stops: (() => Promise<void>)[]): Promise<SharedServers['postgres']> {
  const { port } = await choosePort({ name: 'POSTGRES_PORT', preferred: 0, host });
  const password = 'test';
  const server = await startPostgres({
    dataDir: join(folder, 'postgres'),
    host,
    port,
    password,
    logFile: join(folder, 'postgres.log'),
    // Nothing here outlives the run.
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300' },
  });
  stops.push(() => server.stop());
  await ensureDatabase({
    adminUrl: server.adminUrl,
    database: 'everhook_template',
    owner: 'everhook_owner',
    ownerPassword: password,
  });
  await migrate({
    ownerUrl: server.url('everhook_owner', password, 'everhook_template'),
    folder: join(root, 'prisma', 'migrations'),
  });
  for (const role of ['hook_svc', 'hook_worker']) await ensureLogin(server.adminUrl, role, password);
  return { host, port, password };
}

async function startTestTemporal(folder: string, stops: (() => Promise<void>)[]): Promise<string> {
  const { port } = await choosePort({ name: 'TEMPORAL_PORT', preferred: 0, host });
  const server = await startTemporalServer({
    cliPath: required('TEMPORAL_CLI_PATH'),
    host,
    port,
    logFile: join(folder, 'temporal.log'),
    namespace: 'default',
    retentionHours: 168,
  });
  stops.push(() => server.stop());
  const connection = await Connection.connect({ address: server.address });
  await ensureSearchAttributes(connection, 'default', createLogger({ level: 'silent' }));
  await connection.close();
  return server.address;
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; run the tests with npm test, which sets it.`);
  return value;
}

declare global {
  var everhookTestServers: { folder: string; stops: (() => Promise<void>)[] } | undefined;
}
