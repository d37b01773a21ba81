import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { choosePort, type ChosenPort } from '../../../src/ports';
import { processStartTime } from '../../../src/embedded/process';
import {
  startTemporalServer,
  type TemporalServer,
  type TemporalServerOptions,
} from '../../../src/embedded/temporal-server';
import { makeTempFolder, type TempFolder } from './temp-folder';

jest.setTimeout(90_000);

const host = '127.0.0.1';
const cliPath = process.env.TEMPORAL_CLI_PATH ?? '';
if (cliPath === '') process.stdout.write('tests of the embedded Temporal are skipped: TEMPORAL_CLI_PATH is not set\n');
const describeWithCli = cliPath === '' ? describe.skip : describe;

let temp: TempFolder;
const ports: ChosenPort[] = [];
const started: TemporalServer[] = [];

beforeEach(() => {
  temp = makeTempFolder();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  for (const choice of ports.splice(0)) choice.release();
  temp.remove();
});

async function freePort(): Promise<number> {
  const choice = await choosePort({ name: 'TEMPORAL_PORT', preferred: 0, host });
  ports.push(choice);
  return choice.port;
}

async function optionsFor(changes: Partial<TemporalServerOptions> = {}): Promise<TemporalServerOptions> {
  const terms = { namespace: 'default', retentionHours: 168, logFile: temp.path('temporal.log') };
  return { cliPath, host, port: await freePort(), ...terms, ...changes };
}

async function start(options: TemporalServerOptions): Promise<TemporalServer> {
  const server = await startTemporalServer(options);
  started.push(server);
  return server;
}

async function withConnection<T>(server: TemporalServer, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** No worker polls the queue, so the workflow stays where it is. */
const parkWorkflow = (server: TemporalServer, workflowId: string): Promise<string> =>
  withConnection(server, async (connection) => {
    const client = new Client({ connection });
    const handle = await client.workflow.start('parked', { workflowId, taskQueue: 'nobody-polls', args: ['kept'] });
    return handle.firstExecutionRunId;
  });

const describeWorkflow = (server: TemporalServer, workflowId: string): Promise<{ runId: string; status: string }> =>
  withConnection(server, async (connection) => {
    const { runId, status } = await new Client({ connection }).workflow.getHandle(workflowId).describe();
    return { runId, status: status.name };
  });

describeWithCli('an embedded Temporal server', () => {
  it('keeps workflows from one start to the next, even on other ports', async () => {
    const options = await optionsFor({ dataFile: temp.path('temporal.db') });
    const first = await start(options);
    const runId = await parkWorkflow(first, 'parked-1');
    await first.stop();

    const second = await start({ ...options, port: await freePort() });

    await expect(describeWorkflow(second, 'parked-1')).resolves.toEqual({ runId, status: 'RUNNING' });
    await parkWorkflow(second, 'parked-2');
  });

  it('keeps closed workflows for as long as it was told', async () => {
    const server = await start(await optionsFor());

    const { config } = await withConnection(server, ({ workflowService }) =>
      workflowService.describeNamespace({ namespace: 'default' }),
    );

    expect(tsToMs(config?.workflowExecutionRetentionTtl)).toBe(168 * 3_600_000);
  });

  it('runs beside another one, and serves its UI', async () => {
    const [one, other] = await Promise.all([
      start(await optionsFor({ uiPort: await freePort(), logFile: temp.path('one.log') })),
      start(await optionsFor({ logFile: temp.path('other.log') })),
    ]);
    await parkWorkflow(one, 'same-id');
    await parkWorkflow(other, 'same-id');

    const page = await fetch(one.uiUrl ?? '');

    expect(page.status).toBe(200);
    expect(other.uiUrl).toBeUndefined();
  });

  it('stops under the pid that we signal, as often as asked, and leaves no pid file', async () => {
    const server = await start(await optionsFor({ dataFile: temp.path('temporal.db') }));
    const listener = jest.fn();
    server.onUnexpectedExit(listener);

    await Promise.all([server.stop(), server.stop()]);

    expect(processStartTime(server.pid)).toBeUndefined();
    expect(existsSync(temp.path('temporal.db.pid'))).toBe(false);
    expect(listener).not.toHaveBeenCalled();
  });

  it('is stopped first when a killed start left it on the same file', async () => {
    const options = await optionsFor({ dataFile: temp.path('temporal.db') });
    const first = await start(options);
    const runId = await parkWorkflow(first, 'parked');

    const second = await start(options);

    expect(processStartTime(first.pid)).toBeUndefined();
    await expect(describeWorkflow(second, 'parked')).resolves.toEqual({ runId, status: 'RUNNING' });
  });

  it('starts over when the very first start was interrupted', async () => {
    writeFileSync(temp.path('temporal.db'), '');
    writeFileSync(temp.path('temporal.db.setup'), '');

    const server = await start(await optionsFor({ dataFile: temp.path('temporal.db') }));

    await parkWorkflow(server, 'parked');
    expect(existsSync(temp.path('temporal.db.setup'))).toBe(false);
  });

  it('says what its log says when it cannot start', async () => {
    writeFileSync(temp.path('temporal.db'), 'something that is not a database, in a file that was there before');

    const server = startTemporalServer(await optionsFor({ dataFile: temp.path('temporal.db') }));

    await expect(server).rejects.toThrow(/Temporal ended while starting[^]*not a database/);
  });

  it('is not mistaken for another one that has the port', async () => {
    const options = await optionsFor();
    await start(options);

    const second = startTemporalServer(options);

    await expect(second).rejects.toThrow(`Temporal cannot start because port ${options.port} is in use`);
  });

  it('logs no complaint while it starts', async () => {
    await start(await optionsFor({ dataFile: temp.path('temporal.db') }));

    const log = readFileSync(temp.path('temporal.log'), 'utf8');

    expect(log.split('\n').filter((line) => /level=ERROR/.test(line))).toEqual([]);
  });
});
