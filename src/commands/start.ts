/** `everhook start`: api and worker in one process on embedded parts. What `npm start` runs. */
import { join } from 'node:path';
import pino, { multistream } from 'pino';
import pretty from 'pino-pretty';
import { givenEnvironment, loadConfig, loadEmbeddedConfig } from '../config';
import { endpointOf } from '../context/own-endpoints';
import { createAddressPolicy } from '../egress/address-policy';
import { emulatorCredentials, startEmbedded } from '../embedded/embedded';
import { choosePort } from '../ports';
import { welcome } from '../embedded/welcome';
import { createLogger, type Logger } from '../telemetry/logger';
import { projectFolder } from '../version';
import { runService } from './run-service';

export interface StartOptions {
  readonly print: (line: string) => void;
  readonly stop: AbortController;
}

export async function start({ print, stop }: StartOptions): Promise<void> {
  const embeddedConfig = loadEmbeddedConfig();
  const given = givenEnvironment();
  checkGiven(given);
  const host = given['HOST'] || '127.0.0.1';
  const { asked } = embeddedConfig;
  // Before anything is started, so that a port in the way costs no time.
  const port = await choosePort({ name: 'PORT', asked: asked.port, preferred: 3000, host, log: print });
  const metricsPort = await choosePort({
    name: 'METRICS_PORT',
    asked: asked.metricsPort,
    preferred: 9464,
    host,
    log: print,
  });
  stop.signal.addEventListener('abort', () => print('Stopping.'), { once: true });
  print('Starting Everhook on embedded parts:');
  const embedded = await startEmbedded({
    config: embeddedConfig,
    migrationsFolder: join(projectFolder, 'prisma', 'migrations'),
    print,
    signal: stop.signal,
    onPartLost: (name) => stop.abort(new Error(`${name} ended by itself; its log is in the data folder.`)),
  });
  try {
    const { dataFolder, demo, temporalUiUrl } = embedded;
    // What the user set wins, except for the parts that were just started.
    const config = loadConfig({
      ...embedded.environment,
      ...given,
      ...embedded.ownEnvironment,
      PORT: String(port.port),
      METRICS_PORT: String(metricsPort.port),
    });
    await runService({
      config,
      roles: { api: true, worker: true },
      overrides: {
        ownEndpoints: [endpointOf(temporalUiUrl)],
        log: createStartLogger(dataFolder.path('logs', 'everhook.log'), config.LOG_LEVEL),
        kmsCredentials: emulatorCredentials,
      },
      signal: stop.signal,
      onReady: ({ apiUrl, metricsUrl }) =>
        print(
          welcome({
            apiUrl: apiUrl ?? '',
            temporalUiUrl,
            metricsUrl,
            dataFolder: dataFolder.path(),
            adminToken: config.ADMIN_TOKEN ?? '',
            demo,
          }),
        ),
    });
  } finally {
    await embedded.stop();
  }
}

/** What the user set and got wrong is said before anything is started. */
function checkGiven(given: Readonly<Record<string, string | undefined>>): void {
  const placeholder = 'set when the embedded parts are up, as many characters as a secret has';
  const required = ['DATABASE_URL', 'DATABASE_WORKER_URL', 'KMS_KEY_ID', 'JWT_SECRET'];
  const config = loadConfig({ ...Object.fromEntries(required.map((name) => [name, placeholder])), ...given });
  createAddressPolicy({ allowCidrs: config.EGRESS_ALLOW_CIDRS, denyCidrs: config.EGRESS_DENY_CIDRS });
}

/** Everything goes to a file; what a person should look at goes to the terminal as well. */
function createStartLogger(file: string, level: string): Logger {
  const streams = [
    // Written at once, because the process exits as soon as it has stopped.
    { level: level as 'info', stream: pino.destination({ dest: file, mode: 0o600, sync: true }) },
    {
      level: 'warn' as const,
      stream: pretty({
        colorize: process.stdout.isTTY,
        singleLine: true,
        ignore: 'event',
        messageFormat: '{event} {msg}',
      }),
    },
  ];
  return createLogger({ level, destination: multistream(streams) });
}
