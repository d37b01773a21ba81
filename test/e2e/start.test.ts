/** What a newcomer does: `npm start`, copy and paste what it prints, Ctrl-C, start again. On the built program. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processCommandLine } from '../../src/embedded/process';
import { Started } from '../support/npm-start';
import { waitFor } from '../support/wait-for';

jest.setTimeout(90_000);

const run = promisify(execFile);

let dataDir: string;
const started: Started[] = [];

function start(env?: Record<string, string>): Started {
  const one = Started.start(dataDir, env);
  started.push(one);
  return one;
}

/** Servers whose command line names the data folder. */
async function partsRunning(): Promise<number[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=']);
  const pids = stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
  return pids.filter((pid) => processCommandLine(pid)?.includes(dataDir));
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'everhook-start-'));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.interrupt()));
  rmSync(dataDir, { recursive: true, force: true });
});

it('what it prints delivers a first event, and Ctrl-C ends everything within ten seconds', async () => {
  const everhook = await start().ready();

  await run('bash', ['-euo', 'pipefail', '-c', everhook.firstDelivery()]);
  await everhook.saw(/order\.created .*attempt 1 .*signature ok/);
  await everhook.saw(/KMS emulator .*for development only/);
  const health = await fetch(`${everhook.url('API')}/ready`);
  // The SDK counts a workflow a moment after its receiver has answered.
  const metrics = await waitFor(async () => {
    const page = await (await fetch(everhook.url('Metrics'))).text();
    return page.includes('temporal_workflow_completed') && page.includes('hook_task_queue_backlog{') && page;
  }, 'the metrics of the SDK, and how things stand');
  const ui = await fetch(everhook.url('Temporal UI'));
  const beganAt = Date.now();
  const code = await everhook.interrupt();

  expect([health.status, ui.status]).toEqual([200, 200]);
  expect(metrics).toContain('webhook_events_emitted_total{type="order.created"} 1');
  expect(metrics).toContain('webhook_deliveries_attempted_total{status="success",event_type="order.created"} 1');
  expect(metrics).toContain('webhook_delivery_latency_seconds_count 1');
  expect(metrics).toMatch(/^hook_worker_status\{task_queue="[^"]+"\} 1$/m);
  expect(metrics).toMatch(/^hook_kms_duration_seconds_count\{operation="generateDataKey"\} \d+$/m);
  expect(metrics).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(code).toBe(0);
  expect(Date.now() - beganAt).toBeLessThan(10_000);
  expect(await partsRunning()).toEqual([]);
  expect(statSync(join(dataDir, 'admin-token.secret')).mode & 0o777).toBe(0o600);
});

it('the next start goes on with the same data, and a waiting delivery gets its retry', async () => {
  const first = await start().ready();
  const flaky = first.firstDelivery().replace(/("url": "[^"]+)"/, '$1/flaky"');
  await run('bash', ['-euo', 'pipefail', '-c', flaky]);
  await first.saw(/attempt 1 .*answered 503/);
  const port = new URL(/"url": "([^"]+)"/.exec(flaky)?.[1] ?? '').port;
  await first.interrupt();

  const second = await start({ DEMO_RECEIVER_PORT: port }).ready();
  await second.saw(/attempt 2 /);

  expect(second.firstDelivery()).toContain(/ADMIN_TOKEN=(\S+)/.exec(first.output)?.[1]);
});

it('a second start on the same folder is refused with a sentence', async () => {
  await start().ready();

  const second = start();
  const code = await second.exited;

  expect(code).toBe(1);
  expect(second.output).toMatch(/Everhook already runs on .* \(pid \d+\)/);
  expect(second.output).not.toMatch(/^\s+at /m);
});

it('a port that was asked for and is taken is refused with a sentence, and nothing is left running', async () => {
  const first = await start().ready();
  const taken = new URL(first.url('API')).port;
  const otherFolder = join(dataDir, 'other');

  const second = start({ EVERHOOK_DATA_DIR: otherFolder, PORT: taken });
  const code = await second.exited;

  expect(code).toBe(1);
  expect(second.output).toContain(`PORT ${taken} is in use`);
  expect((await partsRunning()).filter((pid) => processCommandLine(pid)?.includes(otherFolder))).toEqual([]);
});

it('a start after a kill -9 goes on with the same data, and what waited for its retry is delivered', async () => {
  const first = await start().ready();
  const flaky = first.firstDelivery().replace(/("url": "[^"]+)"/, '$1/flaky"');
  await run('bash', ['-euo', 'pipefail', '-c', flaky]);
  await first.saw(/attempt 1 .*answered 503/);
  const port = new URL(/"url": "([^"]+)"/.exec(flaky)?.[1] ?? '').port;
  await first.kill();

  // It is asked more often below than a tenant may ask.
  const second = await start({ DEMO_RECEIVER_PORT: port, MANAGEMENT_RATE_PER_MINUTE: '0' }).ready();
  const [, adminToken = ''] = /ADMIN_TOKEN=(\S+)/.exec(second.output) ?? [];
  const headers = { authorization: `Bearer ${adminToken}`, 'x-tenant-id': 'demo' };
  const delivery = await waitFor(
    async () => {
      const answer = await fetch(`${second.url('API')}/v1/deliveries`, { headers });
      const { data } = (await answer.json()) as { data: { status: string; attempts: number }[] };
      return data[0]?.status === 'SUCCESS' && data[0];
    },
    'the delivery to succeed',
    60_000,
  );

  // The killed process may or may not have recorded its attempt: at least once.
  expect(delivery.attempts).toBeGreaterThanOrEqual(2);
});
