/**
 * The embedded Temporal: the CLI's development server, which is the real server on one database file.
 * It reads no configuration of the user's own Temporal CLI, so every start is the same.
 */
import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time';
import { isPortFree } from '../ports';
import {
  logTail,
  processStartTime,
  startProcess,
  stopLeftover,
  type ProcessExit,
  type RunningProcess,
  type StopStep,
} from './process';

export interface TemporalServerOptions {
  /** Path of the `temporal` program, 1.5 or later. */
  cliPath: string;
  /** Made on first use. Left out, everything is kept in memory and lost at the end. */
  dataFile?: string;
  host: string;
  port: number;
  /** Left out, there is no UI. */
  uiPort?: number | undefined;
  logFile: string;
  namespace: string;
  /** How long closed workflows stay visible; a development server would forget them after a day. */
  retentionHours: number;
  readyTimeoutMs?: number;
}

export interface TemporalServer {
  pid: number;
  /** `host:port` of the frontend. */
  address: string;
  uiUrl: string | undefined;
  onUnexpectedExit(listener: (exit: ProcessExit) => void): void;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

const stopSteps: StopStep[] = [{ signal: 'SIGINT', graceMs: 10_000 }];

// The defaults belong to one member of a cluster and throttle a burst of events; the symptom would be RESOURCE_EXHAUSTED.
const dynamicConfig = {
  'frontend.rps': 100_000,
  'frontend.namespaceRPS': 100_000,
  'frontend.namespaceCount': 20_000,
  'history.rps': 100_000,
  'matching.rps': 100_000,
  'system.enableEagerWorkflowStart': true,
  'system.enableActivityEagerExecution': true,
};

/** @throws Error that says in its first sentence what is wrong, with the end of the log where there is one. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const dataFile = options.dataFile === undefined ? undefined : await prepareDataFile(options.dataFile);
  // One Temporal answers like another: with somebody else's on this port, ours would seem ready while it ends.
  if (!(await isPortFree(options.port, options.host))) {
    throw new Error(`Temporal cannot start because port ${options.port} is in use`);
  }

  const server = await startProcess({
    name: 'Temporal',
    command: resolve(options.cliPath),
    args: commandLine(options, dataFile),
    logFile: options.logFile,
    parentDeathSignal: 'SIGINT',
  });

  const address = `${options.host}:${options.port}`;
  try {
    if (dataFile !== undefined) writePidFile(dataFile, server.pid);
    await waitUntilReady(server, address, options);
    if (dataFile !== undefined) fs.rmSync(setupMarker(dataFile), { force: true });
  } catch (error) {
    await server.stop(...stopSteps);
    throw error;
  }

  return {
    pid: server.pid,
    address,
    uiUrl: options.uiPort === undefined ? undefined : `http://${options.host}:${options.uiPort}`,
    onUnexpectedExit: (listener) => server.onUnexpectedExit(listener),
    async stop() {
      await server.stop(...stopSteps);
      if (dataFile !== undefined) fs.rmSync(pidFileOf(dataFile), { force: true });
    },
  };
}

/** The ports of the inner services, of metrics and of HTTP are left out: the CLI then finds free ones at each start. */
function commandLine(options: TemporalServerOptions, dataFile: string | undefined): string[] {
  const args = ['server', 'start-dev', '--ip', options.host, '--port', String(options.port), '--log-level', 'warn'];
  if (options.namespace !== 'default') args.push('--namespace', options.namespace);
  if (options.uiPort === undefined) args.push('--headless');
  else args.push('--ui-ip', options.host, '--ui-port', String(options.uiPort));

  if (dataFile !== undefined) {
    // With a write-ahead log, NORMAL loses nothing when the process dies, only when the machine does.
    args.push(
      '--db-filename',
      dataFile,
      '--sqlite-pragma',
      'journal_mode=WAL',
      '--sqlite-pragma',
      'synchronous=NORMAL',
    );
  }
  for (const [key, value] of Object.entries(dynamicConfig)) args.push('--dynamic-config-value', `${key}=${value}`);
  return args;
}

const pidFileOf = (dataFile: string): string => `${dataFile}.pid`;
const setupMarker = (dataFile: string): string => `${dataFile}.setup`;

/**
 * Stops a server that a killed start left on this file. The server sets its schema up only when there is no file, so
 * a file from a first start that never became ready, and which no workflow can be in, is removed.
 */
async function prepareDataFile(path: string): Promise<string> {
  const full = resolve(path);
  fs.mkdirSync(dirname(full), { recursive: true, mode: 0o700 });

  const leftover = readPidFile(full);
  if (leftover !== undefined) {
    await stopLeftover({ name: 'Temporal', ...leftover, commandLineNames: full, steps: stopSteps });
  }
  if (fs.existsSync(setupMarker(full))) {
    for (const file of [full, `${full}-wal`, `${full}-shm`]) fs.rmSync(file, { force: true });
  } else if (!fs.existsSync(full)) {
    fs.writeFileSync(setupMarker(full), '', { mode: 0o600 });
  }
  return full;
}

function writePidFile(dataFile: string, pid: number): void {
  fs.writeFileSync(pidFileOf(dataFile), JSON.stringify({ pid, startTime: processStartTime(pid) }), { mode: 0o600 });
}

function readPidFile(dataFile: string): { pid: number; startTime: string } | undefined {
  try {
    const { pid, startTime } = JSON.parse(fs.readFileSync(pidFileOf(dataFile), 'utf8')) as Record<string, unknown>;
    return typeof pid === 'number' && pid > 0 && typeof startTime === 'string' ? { pid, startTime } : undefined;
  } catch {
    // Missing, or cut off by a crash: then there is nothing to go by, and a living server still holds its port.
    return undefined;
  }
}

async function waitUntilReady(server: RunningProcess, address: string, options: TemporalServerOptions): Promise<void> {
  const timeoutMs = options.readyTimeoutMs ?? 60_000;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const problem = await Promise.race([setRetention(address, options), server.exited]);
    if (server.exit() !== undefined) {
      throw new Error(`Temporal ended while starting; its log ends with\n${logTail(options.logFile)}`);
    }
    if (problem === undefined) return;
    if (Date.now() > deadline) {
      const cause = { cause: problem };
      throw new Error(
        `Temporal was not ready within ${timeoutMs} ms; its log ends with\n${logTail(options.logFile)}`,
        cause,
      );
    }
    await Promise.race([delay(100), server.exited]);
  }
}

/** Reading and writing the namespace proves that the server works; connecting alone only shows an open port. */
async function setRetention(address: string, options: TemporalServerOptions): Promise<unknown> {
  const { namespace } = options;
  const retentionMs = options.retentionHours * 3_600_000;
  // Made lazily, because a connection that never came about must be closed as well.
  const connection = Connection.lazy({ address, connectTimeout: 3_000 });
  const { workflowService } = connection;
  try {
    await connection.ensureConnected();
    await connection.withDeadline(Date.now() + 5_000, async () => {
      const { config } = await workflowService.describeNamespace({ namespace });
      if (tsToMs(config?.workflowExecutionRetentionTtl) === retentionMs) return;
      await workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: msToTs(retentionMs) },
      });
    });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await connection.close();
  }
}
