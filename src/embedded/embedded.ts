/**
 * What `npm start` brings up around the service: PostgreSQL, the Temporal dev server with its UI, a KMS
 * emulator and a receiver to try things on. Real parts all of them, kept in one folder, on loopback only.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { ConfigError, type EmbeddedConfig } from '../config';
import { generateSecret } from '../delivery/sign';
import { migrate } from '../store/migrations';
import { openDataFolder, type DataFolder } from './data-folder';
import { startDemoReceiver } from './demo-receiver';
import { startKmsEmulator, type KmsEmulator } from './kms-emulator';
import { choosePort } from '../ports';
import { ensureDatabase, ensureLogin, startPostgres } from './postgres';
import type { ProcessExit } from './process';
import { startTemporalServer } from './temporal-server';

const host = '127.0.0.1';
const database = 'everhook';
const owner = 'everhook_owner';

/** The emulator takes any. */
export const emulatorCredentials = { accessKeyId: 'emulator', secretAccessKey: 'emulator' } as const;

export interface EmbeddedOptions {
  readonly config: EmbeddedConfig;
  readonly migrationsFolder: string;
  /** One line for the terminal. */
  readonly print: (line: string) => void;
  /** Aborted when the user wants out before everything is up. */
  readonly signal: AbortSignal;
  /** A part that should run ended by itself. */
  readonly onPartLost: (name: string) => void;
}

export interface Embedded {
  /** What the service reads from its environment unless the user set something else. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the embedded parts are, whatever else the environment says. */
  readonly ownEnvironment: Readonly<Record<string, string>>;
  readonly dataFolder: DataFolder;
  readonly temporalUiUrl: string;
  /** Undefined when it was turned off. */
  readonly demo: { readonly url: string; readonly secret: string } | undefined;
  stop(): Promise<void>;
}

/** @throws Error of one sentence that says what is in the way and how to mend it; nothing is left running then */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { config, print, signal } = options;
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    // One part that cannot stop must not keep the others, and the folder's lock, from it.
    const failures: unknown[] = [];
    for (let next = stops.pop(); next; next = stops.pop()) {
      try {
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be stopped.');
  };
  const step = async <T>(name: string, work: () => Promise<T>, note = ''): Promise<T> => {
    signal.throwIfAborted();
    const startedAt = Date.now();
    const result = await work();
    print(`  ${name.padEnd(16)} ready in ${((Date.now() - startedAt) / 1000).toFixed(1)} s${note}`);
    return result;
  };
  const watch = (name: string, part: { onUnexpectedExit(listener: (exit: ProcessExit) => void): void }): void =>
    part.onUnexpectedExit(() => options.onPartLost(name));

  try {
    const folder = openDataFolder(config.EVERHOOK_DATA_DIR);
    stops.push(() => folder.release());
    mkdirSync(folder.path('logs'), { recursive: true });
    const cliPath = config.TEMPORAL_CLI_PATH;
    if (cliPath === undefined) {
      throw new ConfigError('TEMPORAL_CLI_PATH is not set; start with `npm start`, which finds a Temporal server.');
    }

    const databaseUrls = await step('PostgreSQL', async () => {
      const port = await choosePort({ name: 'POSTGRES_PORT', asked: config.POSTGRES_PORT, preferred: 0, host });
      const postgres = await startPostgres({
        dataDir: folder.path('postgres'),
        host,
        port: port.port,
        password: folder.secret('postgres-password', password),
        logFile: folder.path('logs', 'postgres.log'),
      });
      stops.push(() => postgres.stop());
      watch('PostgreSQL', postgres);
      return prepareDatabase(postgres, folder, options.migrationsFolder);
    });

    const temporal = await step('Temporal', async () => {
      const ask = (name: string, asked: number | undefined, preferred: number) =>
        choosePort({ name, asked, preferred, host, log: print });
      const port = await ask('TEMPORAL_PORT', config.TEMPORAL_PORT, 7233);
      const uiPort = await ask('TEMPORAL_UI_PORT', config.TEMPORAL_UI_PORT, 8233);
      const server = await startTemporalServer({
        cliPath,
        dataFile: folder.path('temporal.db'),
        host,
        port: port.port,
        uiPort: uiPort.port,
        logFile: folder.path('logs', 'temporal.log'),
        namespace: 'default',
        retentionHours: 7 * 24,
      });
      stops.push(() => server.stop());
      watch('Temporal', server);
      return { address: server.address, uiUrl: server.uiUrl ?? '' };
    });

    const startEmulator = async (): Promise<KmsEmulator> => {
      const masterKey = folder.secret('kms-master-key', () => randomBytes(32).toString('base64'));
      const emulator = await startKmsEmulator({ host, port: 0, masterKey: Buffer.from(masterKey, 'base64') });
      stops.push(() => emulator.stop());
      return emulator;
    };
    const kms = await step('KMS emulator', startEmulator, ' (for development only)');

    const demo = config.DEMO_RECEIVER_PORT === 0 ? undefined : await startDemo(config, folder, print, stops);
    return {
      dataFolder: folder,
      temporalUiUrl: temporal.uiUrl,
      demo,
      ownEnvironment: {
        DATABASE_URL: databaseUrls.service,
        DATABASE_WORKER_URL: databaseUrls.worker,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: 'default',
        KMS_KEY_ID: kms.keyArn,
        KMS_ENDPOINT: kms.url,
        KMS_ALLOW_EMULATOR: 'true',
      },
      environment: {
        JWT_SECRET: folder.secret('jwt-secret', password),
        ADMIN_TOKEN: folder.secret('admin-token', password),
        // What people try first listens on their own machine.
        EGRESS_ALLOW_CIDRS: '127.0.0.0/8,::1/128',
        EGRESS_ALLOW_HTTP: 'true',
        // Ctrl-C should not take longer than a person waits.
        SHUTDOWN_GRACE_MS: '3000',
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** 43 characters of URL-safe base64, from 32 random bytes. */
function password(): string {
  return randomBytes(32).toString('base64url');
}

async function prepareDatabase(
  postgres: { adminUrl: string; url(user: string, password: string, database: string): string },
  folder: DataFolder,
  migrationsFolder: string,
): Promise<{ service: string; worker: string }> {
  const ownerPassword = folder.secret('owner-password', password);
  await ensureDatabase({ adminUrl: postgres.adminUrl, database, owner, ownerPassword });
  await migrate({ ownerUrl: postgres.url(owner, ownerPassword, database), folder: migrationsFolder });
  const login = async (role: string): Promise<string> => {
    const rolePassword = folder.secret(`${role.replace('_', '-')}-password`, password);
    await ensureLogin(postgres.adminUrl, role, rolePassword);
    return postgres.url(role, rolePassword, database);
  };
  return { service: await login('hook_svc'), worker: await login('hook_worker') };
}

async function startDemo(
  config: EmbeddedConfig,
  folder: DataFolder,
  print: (line: string) => void,
  stops: (() => Promise<void> | void)[],
): Promise<{ url: string; secret: string }> {
  const port = await choosePort({
    name: 'DEMO_RECEIVER_PORT',
    asked: config.DEMO_RECEIVER_PORT,
    preferred: 0,
    host,
  });
  const secret = folder.secret('demo-webhook-secret', generateSecret);
  const receiver = await startDemoReceiver({ host, port: port.port, secret, print });
  stops.push(() => receiver.stop());
  return { url: receiver.url, secret };
}
