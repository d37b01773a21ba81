/** All that Everhook runs on, each part to be broken: Postgres, Temporal, KMS, the links to them, its own processes. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { startKmsEmulator, type KmsEmulator } from '../../src/embedded/kms-emulator';
import { ensureDatabase, ensureLogin, startPostgres, type Postgres } from '../../src/embedded/postgres';
import { startTemporalServer, type TemporalServer } from '../../src/embedded/temporal-server';
import { choosePort } from '../../src/ports';
import { migrate } from '../../src/store/migrations';
import { projectFolder } from '../../src/version';
import { startLink, type Link } from './link';
import { startChaosReceiver, type ChaosReceiver } from './receiver';

const host = '127.0.0.1';
const password = 'chaos';
/** Compiled beside the suite. */
const mainFile = join(__dirname, '..', '..', 'src', 'main.js');
const adminToken = 'chaos-admin-token-0123456789-0123456789';

/** Of each webhook, unless a fault wants another. */
export const maxInFlight = 100;

export type Role = 'api' | 'worker';

/** One process of Everhook. */
export interface Member {
  readonly roles: readonly Role[];
  readonly url: string;
  readonly metricsPort: number;
  readonly child: ChildProcess;
  /** @returns its exit code, or the signal that ended it */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | string | null>;
}

export interface WorldOptions {
  /** Gives Postgres a disk of its own of that size. */
  readonly diskMiB?: number | undefined;
}

export interface ChaosTenant {
  readonly id: string;
  readonly token: string;
}

export class World {
  readonly members: Member[] = [];
  private readonly undo: (() => Promise<unknown> | void)[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), 'everhook-chaos-'));
  private readonly masterKey = randomBytes(32);
  private postgresPort = 0;
  private temporalPort = 0;
  private kmsPort = 0;
  postgres!: Postgres;
  temporal!: TemporalServer;
  kms!: KmsEmulator;
  receiver!: ChaosReceiver;
  links!: Readonly<Record<'postgres' | 'temporal' | 'kms' | 'receiver', Link>>;
  /** Processes of Everhook that ended without being told to, as one does whose promise is rejected unheard. */
  readonly endedByThemselves: string[] = [];

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World();
    world.undo.push(() => rmSync(world.folder, { recursive: true, force: true }));
    try {
      if (options.diskMiB !== undefined) world.mountDisk(options.diskMiB);
      await world.build();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const { child } of this.members) child.kill('SIGKILL');
    for (const step of this.undo.splice(0).toReversed()) await step();
  }

  private async build(): Promise<void> {
    [this.postgresPort, this.temporalPort, this.kmsPort] = [await freePort(), await freePort(), await freePort()];
    await this.startPostgres();
    this.undo.push(() => this.postgres.stop());
    await this.prepareDatabase();
    await this.startTemporal();
    this.undo.push(() => this.temporal.stop());
    await this.startKms();
    this.undo.push(() => this.kms.stop());
    this.receiver = await startChaosReceiver();
    this.undo.push(() => this.receiver.stop());
    this.links = {
      postgres: await startLink(this.postgresPort),
      temporal: await startLink(this.temporalPort),
      kms: await startLink(this.kmsPort),
      receiver: await startLink(this.receiver.port),
    };
    for (const link of Object.values(this.links)) this.undo.push(() => link.stop());
  }

  /** Where the data of Postgres is, and whatever else takes its room. */
  get diskFolder(): string {
    return join(this.folder, 'disk');
  }

  private get dataFolder(): string {
    return join(this.diskFolder, 'postgres');
  }

  private mountDisk(mebibytes: number): void {
    mkdirSync(this.diskFolder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', this.diskFolder]);
    this.undo.push(() => void execFileSync('umount', [this.diskFolder]));
  }

  /** A copy of all of Postgres, made while it is stopped. */
  async backUpPostgres(): Promise<void> {
    await this.postgres.stop();
    execFileSync('cp', ['-a', this.dataFolder, `${this.dataFolder}.backup`]);
    await this.startPostgres();
  }

  /** Puts that copy in its place, as if nothing had happened since. */
  async restorePostgres(): Promise<void> {
    await this.postgres.stop();
    rmSync(this.dataFolder, { recursive: true });
    renameSync(`${this.dataFolder}.backup`, this.dataFolder);
    await this.startPostgres();
  }

  async startPostgres(): Promise<void> {
    this.postgres = await startPostgres({
      dataDir: this.dataFolder,
      host,
      port: this.postgresPort,
      password,
      logFile: join(this.folder, 'postgres.log'),
      settings: { max_connections: '100', shared_buffers: '256MB' },
    });
  }

  async startTemporal(): Promise<void> {
    const cliPath = process.env['TEMPORAL_CLI_PATH'];
    if (cliPath === undefined) throw new Error('TEMPORAL_CLI_PATH is not set');
    this.temporal = await startTemporalServer({
      cliPath,
      dataFile: join(this.folder, 'temporal.db'),
      host,
      port: this.temporalPort,
      logFile: join(this.folder, 'temporal.log'),
      namespace: 'default',
      retentionHours: 24,
    });
  }

  async startKms(): Promise<void> {
    this.kms = await startKmsEmulator({ host, port: this.kmsPort, masterKey: this.masterKey });
  }

  /** Removes all that Temporal knew, while it is stopped. */
  forgetTemporal(): void {
    for (const end of ['', '-wal', '-shm']) rmSync(join(this.folder, `temporal.db${end}`), { force: true });
  }

  private async prepareDatabase(): Promise<void> {
    const owner = { owner: 'everhook_owner', ownerPassword: password };
    await ensureDatabase({ adminUrl: this.postgres.adminUrl, database: 'everhook', ...owner });
    await migrate({
      ownerUrl: this.postgres.url('everhook_owner', password, 'everhook'),
      folder: join(projectFolder, 'prisma', 'migrations'),
    });
    for (const role of ['hook_svc', 'hook_worker']) await ensureLogin(this.postgres.adminUrl, role, password);
  }

  /** As superuser, past the link. */
  get adminUrl(): string {
    return this.postgres.url('postgres', password, 'everhook');
  }

  async query<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.adminUrl });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  env(): Record<string, string> {
    const url = (role: string): string =>
      `postgresql://${role}:${password}@${host}:${this.links.postgres.port}/everhook`;
    return {
      HOST: host,
      DATABASE_URL: url('hook_svc'),
      DATABASE_WORKER_URL: url('hook_worker'),
      TEMPORAL_ADDRESS: `${host}:${this.links.temporal.port}`,
      KMS_KEY_ID: this.kms.keyArn,
      KMS_ENDPOINT: `http://${host}:${this.links.kms.port}`,
      KMS_ALLOW_EMULATOR: 'true',
      AWS_ACCESS_KEY_ID: 'chaos',
      AWS_SECRET_ACCESS_KEY: 'chaos',
      JWT_SECRET: 'chaos-jwt-secret-0123456789-0123456789',
      ADMIN_TOKEN: adminToken,
      MANAGEMENT_RATE_PER_MINUTE: '0',
      EGRESS_ALLOW_CIDRS: '127.0.0.0/8',
      EGRESS_ALLOW_HTTP: 'true',
      // Both as a deployment would set them that wants to recover soon.
      OUTBOX_CLAIM_MS: '5000',
      RETRY_WORKER_INTERVAL_MS: '1000',
      SHUTDOWN_GRACE_MS: '10000',
    };
  }

  /** Starts a process; it is ready when `isReady` says so, which may be after Temporal is back. */
  async spawn(roles: readonly Role[], more: Record<string, string> = {}): Promise<Member> {
    const { PORT = await freePort(), METRICS_PORT = await freePort(), ...others } = more;
    const child = spawn(process.execPath, [mainFile, ...roles], {
      env: { ...process.env, ...this.env(), ...others, PORT: String(PORT), METRICS_PORT: String(METRICS_PORT) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(join(this.folder, `${roles.join('-')}-${child.pid}.log`));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
    void ended.then(([code, by]) => {
      if (this.members.includes(member)) this.endedByThemselves.push(`${roles.join('+')} by ${code ?? by}`);
    });
    const member: Member = {
      roles,
      url: `http://${host}:${PORT}`,
      metricsPort: Number(METRICS_PORT),
      child,
      end: async (signal) => {
        this.members.splice(this.members.indexOf(member), 1);
        child.kill(signal);
        const [code, by] = await ended;
        return code ?? by;
      },
    };
    this.members.push(member);
    return member;
  }

  /** Runs a command of Everhook to its end. @returns its exit code */
  async command(...args: string[]): Promise<number | null> {
    const child = spawn(process.execPath, [mainFile, ...args], {
      env: { ...process.env, ...this.env() },
      stdio: 'ignore',
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  /** Waits until it answers its probe, if it has an API. */
  async answers(member: Member): Promise<void> {
    if (!member.roles.includes('api')) return;
    await until(async () => (await fetch(`${member.url}/health`)).ok, `${member.roles.join('+')} to listen`);
  }

  /** Of any process that has an API. */
  apiUrl(): string {
    const apis = this.members.filter(({ roles }) => roles.includes('api'));
    return apis[Math.floor(Math.random() * apis.length)]?.url ?? 'http://127.0.0.1:9';
  }

  /** @param maxConcurrent POSTs that it may have in flight; as many as it likes unless given */
  async createTenant(name: string, maxConcurrent = 1_000): Promise<ChaosTenant> {
    const tenant = await this.post(adminToken, '/v1/tenants', { name });
    const id = String(tenant['id']);
    await this.query(
      `UPDATE hook.quotas SET max_events_per_sec = 1000000, max_concurrent_deliveries = $2, max_dlq_size = 1000000,
              max_active_webhooks = 1000 WHERE tenant_id = $1`,
      [id, maxConcurrent],
    );
    const { access_token: token } = await this.post('', '/v1/auth', {
      grant_type: 'client_credentials',
      client_id: tenant['client_id'],
      client_secret: tenant['client_secret'],
    });
    return { id, token: String(token) };
  }

  /** @throws Error when it is refused */
  async post(token: string, path: string, body: object = {}): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.apiUrl()}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token !== '' && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    const json = (await answer.json()) as { data?: Record<string, unknown> | null } & Record<string, unknown>;
    if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(json)}`);
    return json.data ?? json;
  }

  /** @throws Error when it is refused */
  async delete(token: string, path: string): Promise<void> {
    const answer = await fetch(`${this.apiUrl()}${path}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }

  /** A webhook whose requests the receiver knows how to check. */
  async createWebhook(tenant: ChaosTenant, path: string, settings: object): Promise<string> {
    const webhook = await this.post(tenant.token, '/v1/webhooks', {
      url: `http://${host}:${this.links.receiver.port}${path}`,
      timeout_ms: 5_000,
      max_in_flight: maxInFlight,
      max_queue_size: 1_000_000,
      retry_policy: { delays_seconds: [1, 1, 2, 4, 8, 8, 15, 15, 15, 15, 15, 15, 30, 30, 30, 30, 30, 30, 30] },
      ...settings,
    });
    this.receiver.trust(String(webhook['id']), String(webhook['secret']));
    return String(webhook['id']);
  }
}

/** So that nothing is left in its memory. */
export async function replaceWorker(world: World): Promise<void> {
  await world.members.find(({ roles }) => roles.includes('worker'))?.end('SIGTERM');
  await world.spawn(['worker']);
}

async function freePort(): Promise<number> {
  return (await choosePort({ name: 'PORT', preferred: 0, host })).port;
}

/** @throws Error when it has not come true in time: two minutes unless given */
export async function until(condition: () => Promise<boolean>, what: string, limitMs = 120_000): Promise<void> {
  const endsAt = performance.now() + limitMs;
  for (;;) {
    if (await condition().catch(() => false)) return;
    if (performance.now() > endsAt) throw new Error(`waited ${limitMs / 1000} s for ${what}`);
    await pause(100);
  }
}
