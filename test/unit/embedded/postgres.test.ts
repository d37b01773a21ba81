import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { choosePort } from '../../../src/ports';
import {
  ensureDatabase,
  ensureLogin,
  findBinaries,
  startPostgres,
  type Postgres,
  type PostgresOptions,
} from '../../../src/embedded/postgres';
import { processStartTime } from '../../../src/embedded/process';
import { forkScript } from './fork-script';
import { makeTempFolder, type TempFolder } from './temp-folder';
import { waitFor } from './wait-for';

jest.setTimeout(60_000);

const host = '127.0.0.1';
const password = 'p@ss/word';
const unsafeButFast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', shared_buffers: '16MB' };
const isRoot = process.getuid?.() === 0;
const canFollowParents = spawnSync('setpriv', ['--pdeathsig', 'INT', 'true']).status === 0;
const canMapUsers = spawnSync('unshare', ['--user', '--map-user=1', '--map-group=1', 'true']).status === 0;

let temp: TempFolder;
let programs: TempFolder;
let port: number;
let releasePort: () => void;
const started: Postgres[] = [];
const bystanders: ChildProcess[] = [];

beforeEach(async () => {
  temp = makeTempFolder();
  programs = makeTempFolder();
  ({ port, release: releasePort } = await choosePort({ name: 'POSTGRES_PORT', preferred: 0, host }));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  for (const bystander of bystanders.splice(0)) {
    bystander.kill('SIGKILL');
    await once(bystander, 'exit');
  }
  releasePort();
  temp.remove();
  programs.remove();
});

function optionsFor(changes: Partial<PostgresOptions> = {}): PostgresOptions {
  const places = { dataDir: temp.path('postgres'), logFile: temp.path('postgres.log') };
  return { ...places, host, port, password, settings: unsafeButFast, ...changes };
}

async function start(changes: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const server = await startPostgres(optionsFor(changes));
  started.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
  } finally {
    await client.end();
  }
}

/** Skips with a printed reason where the machine cannot do it. */
const describeIf = (holds: boolean, reason: string): jest.Describe => {
  if (!holds) process.stdout.write(`some tests of the embedded PostgreSQL are skipped: ${reason}\n`);
  return holds ? describe : describe.skip;
};
const describeAsRoot = describeIf(isRoot, 'they need root');
const describeWithNamespaces = describeIf(isRoot && canMapUsers, 'they need root and user namespaces');
const describeWithDeathSignals = describeIf(canFollowParents, 'they need a setpriv with --pdeathsig');

describe('an embedded PostgreSQL', () => {
  it('keeps its data from one start to the next', async () => {
    const first = await start();
    await query(first.adminUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();

    const second = await start();

    expect(await query(second.adminUrl, 'SELECT answer FROM kept')).toEqual([[42]]);
  });

  it('listens on loopback TCP only, asks for the password and checks its pages', async () => {
    const server = await start();

    const settings = await query(
      server.adminUrl,
      `SELECT name, setting FROM pg_settings WHERE name IN
         ('data_checksums', 'listen_addresses', 'server_encoding', 'unix_socket_directories') ORDER BY name`,
    );

    expect(settings).toEqual([
      ['data_checksums', 'on'],
      ['listen_addresses', host],
      ['server_encoding', 'UTF8'],
      ['unix_socket_directories', ''],
    ]);
    const wrong = query(server.url('postgres', 'wrong', 'postgres'), 'SELECT 1');
    await expect(wrong).rejects.toMatchObject({ code: '28P01' });
  });

  it('runs under the pid that we signal, and stops although a session is open', async () => {
    const server = await start();
    const session = new Client({ connectionString: server.adminUrl });
    session.on('error', () => undefined);
    await session.connect();

    await Promise.all([server.stop(), server.stop()]);

    expect(processStartTime(server.pid)).toBeUndefined();
    expect(existsSync(temp.path('postgres', 'postmaster.pid'))).toBe(false);
    expect(readFileSync(temp.path('postgres.log'), 'utf8')).toContain('received fast shutdown request');
  });

  it('tells when it ended by itself', async () => {
    const server = await start();
    const told = new Promise((resolve) => server.onUnexpectedExit(resolve));

    process.kill(server.pid, 'SIGQUIT');

    await expect(told).resolves.toMatchObject({ code: expect.any(Number) as number });
  });

  it('starts over when setting it up was interrupted', async () => {
    mkdirSync(temp.path('postgres.new', 'base'), { recursive: true });
    writeFileSync(temp.path('postgres.new', 'PG_VERSION'), '18\n');
    writeFileSync(temp.path('postgres.password'), 'stale');

    const server = await start();

    expect(await query(server.adminUrl, 'SELECT 1')).toEqual([[1]]);
    expect([temp.path('postgres.new'), temp.path('postgres.password')].filter(existsSync)).toEqual([]);
  });

  it('says what its log says when it cannot start', async () => {
    const other = await start();

    const second = startPostgres(optionsFor({ dataDir: temp.path('second') }));

    await expect(second).rejects.toThrow(/PostgreSQL ended while starting[^]*could not bind/);
    expect(await query(other.adminUrl, 'SELECT 1')).toEqual([[1]]);
  });

  it('refuses a folder with a password of its own in one sentence', async () => {
    await (await start()).stop();

    const second = startPostgres(optionsFor({ password: 'another' }));

    await expect(second).rejects.toThrow('has another password');
  });

  it('refuses a folder that holds something else', async () => {
    mkdirSync(temp.path('postgres'));
    writeFileSync(temp.path('postgres', 'thesis.txt'), 'mine');

    const start = startPostgres(optionsFor());

    await expect(start).rejects.toThrow("holds something other than PostgreSQL's data");
    expect(readFileSync(temp.path('postgres', 'thesis.txt'), 'utf8')).toBe('mine');
  });
});

describe('after a start that was killed', () => {
  it('a pid file of a dead process is no obstacle', async () => {
    const first = await start();
    const pidFile = readFileSync(temp.path('postgres', 'postmaster.pid'), 'utf8');
    await first.stop();
    writeFileSync(temp.path('postgres', 'postmaster.pid'), pidFile);

    const second = await start();

    expect(await query(second.adminUrl, 'SELECT 1')).toEqual([[1]]);
  });

  it('a pid file whose pid belongs to another process now is no obstacle, and that process lives on', async () => {
    const first = await start();
    const pidFile = readFileSync(temp.path('postgres', 'postmaster.pid'), 'utf8');
    await first.stop();
    const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
    bystanders.push(bystander);
    const reused = pidFile.replace(/^\d+/, String(bystander.pid));
    writeFileSync(temp.path('postgres', 'postmaster.pid'), reused);

    const second = await start();

    expect(await query(second.adminUrl, 'SELECT 1')).toEqual([[1]]);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  });

  it('a server that still runs is stopped first', async () => {
    const first = await start();
    await query(first.adminUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');

    const second = await start();

    expect(processStartTime(first.pid)).toBeUndefined();
    expect(await query(second.adminUrl, 'SELECT answer FROM kept')).toEqual([[42]]);
  });
});

describeWithDeathSignals('a server whose parent is killed', () => {
  it('shuts down in good order', async () => {
    const parent = forkScript(temp.path('parent.js'), parentScript, [JSON.stringify(optionsFor())]);
    const [pid] = (await once(parent, 'message')) as [number];

    parent.kill('SIGKILL');
    await waitFor('the end of the server', () => processStartTime(pid) === undefined);

    expect(existsSync(temp.path('postgres', 'postmaster.pid'))).toBe(false);
    expect(readFileSync(temp.path('postgres.log'), 'utf8')).toContain('database system is shut down');
  });
});

const parentScript = `
  const { startPostgres } = require(embedded + '/postgres');
  startPostgres(JSON.parse(process.argv[2])).then((server) => process.send(server.pid));
`;

/** The checkout itself may be out of a system user's reach. */
function reachableBinaries(): string {
  chmodSync(programs.root, 0o755);
  const copy = programs.path('native');
  cpSync(dirname(findBinaries()), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, 'bin');
}

describeAsRoot('a server started by root in a folder that a system user can reach', () => {
  it('runs as that user, who owns the data', async () => {
    chmodSync(temp.root, 0o755);

    const server = await start({ binariesDir: reachableBinaries() });

    expect(server.accountWay).toBe('user');
    expect(statSync(temp.path('postgres')).uid).not.toBe(0);
    expect(statSync(`/proc/${server.pid}`).uid).toBe(statSync(temp.path('postgres')).uid);
  });

  it('goes on as that user although only root can reach the folder since', async () => {
    chmodSync(temp.root, 0o755);
    const binariesDir = reachableBinaries();
    await (await start({ binariesDir })).stop();
    chmodSync(temp.root, 0o700);

    const server = await start({ binariesDir });

    expect(server.accountWay).toBe('user-with-file-rights');
    expect(await query(server.adminUrl, 'SELECT 1')).toEqual([[1]]);
    expect(statSync(`/proc/${server.pid}`).uid).toBe(statSync(temp.path('postgres')).uid);
  });
});

describeWithNamespaces('a server started by root in a folder that only root can reach', () => {
  it('runs in a user namespace, and the data stays with root', async () => {
    const server = await start();

    expect(server.accountWay).toBe('namespace');
    expect(statSync(temp.path('postgres')).uid).toBe(0);
  });

  it('goes on in a namespace although others can reach the folder since', async () => {
    await (await start()).stop();
    chmodSync(temp.root, 0o755);

    const server = await start();

    expect(server.accountWay).toBe('namespace');
  });
});

describe('roles and databases', () => {
  it('are made once and keep what they hold', async () => {
    const server = await start();
    const wish = { adminUrl: server.adminUrl, database: 'ever-hook', owner: 'everhook_owner' };
    await ensureDatabase({ ...wish, ownerPassword: 'first' });
    await query(server.url('everhook_owner', 'first', 'ever-hook'), 'CREATE SCHEMA kept');

    await ensureDatabase({ ...wish, ownerPassword: "sec'ond" });

    const schemas = await query(
      server.url('everhook_owner', "sec'ond", 'ever-hook'),
      "SELECT count(*)::int FROM pg_namespace WHERE nspname = 'kept'",
    );
    expect(schemas).toEqual([[1]]);
  });

  it('made by a migration of the owner without login can be let in', async () => {
    const server = await start();
    const wish = { adminUrl: server.adminUrl, database: 'everhook', owner: 'everhook_owner' };
    await ensureDatabase({ ...wish, ownerPassword: 'owner' });
    await query(server.url('everhook_owner', 'owner', 'everhook'), 'CREATE ROLE hook_svc NOLOGIN');

    await ensureLogin(server.adminUrl, 'hook_svc', 'svc');

    const who = await query(server.url('hook_svc', 'svc', 'everhook'), 'SELECT current_user');
    expect(who).toEqual([['hook_svc']]);
  });
});
