/**
 * `npm run bench:control`: how long the work of support staff takes, from pausing a webhook with thousands of open
 * deliveries to bringing back what Temporal has lost. Every part counts what arrived and fails when a delivery was
 * lost or came twice. `-- --quick` is a small run that shows that the measurement works, `-- --only operate,rebuild`
 * some of its parts, `-- --rate 1000` another RESUME_RATE_PER_SECOND.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { projectFolder } from '../../src/version';
import type { Arrivals } from './programs/receiver';
import type { ServerProcess } from './server-process';
import { ask, countRows, createTenant, startStand, until, type Caller, type Stand } from './stand';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rate: { type: 'string', default: '100' },
  },
});
const size = flags.quick
  ? { paused: 60, replayed: 40, rebuilt: 10, operations: 40, retrySeconds: 5 }
  : { paused: 5_000, replayed: 1_000, rebuilt: 200, operations: 1_000, retrySeconds: 30 };

/** Deliveries per second that a resume and a replay of many set in motion; 100 is Everhook's default. */
const rate = Number(flags.rate);

const figures: Record<string, string> = {};
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function note(name: string, figure: string): void {
  figures[name] = figure;
  say(`${name}: ${figure}`);
}

async function main(): Promise<void> {
  const stand = await startStand();
  try {
    const everhook = await stand.startServer('everhook', { env: environmentOf(stand) });
    const tenant = await createTenant(stand, everhook, 'support');
    const parts = { pause: pauseAndResume, replay: replayMany, operate, rebuild };
    const wanted = flags.only?.split(',');
    for (const [name, part] of Object.entries(parts)) {
      if (!wanted || wanted.includes(name)) await part(stand, tenant, everhook);
    }
  } finally {
    await stand.stop();
  }
  const folder = join(projectFolder, 'dist.bench');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, flags.quick ? 'control-quick.json' : 'control.json'), JSON.stringify({ size, figures }));
}

async function pauseAndResume(stand: Stand, tenant: Caller): Promise<void> {
  const { paused: open, retrySeconds } = size;
  await ask(stand.receiver, 503);
  const id = await createWebhook(stand, tenant, { delays_seconds: Array.from({ length: 20 }, () => retrySeconds) });
  await publish(tenant, open);
  const failed = `hook.deliveries WHERE webhook_id = '${id}' AND status = 'FAILED_RETRY'`;
  await until(async () => (await countRows(stand, failed)) === open, 'every delivery to have failed once');

  const pausedAt = performance.now();
  await tenant.post(`/v1/webhooks/${id}/pause`);
  const tookMs = performance.now() - pausedAt;
  const answeredAtMs = Date.now();
  // An attempt that had passed the gate when the pause was committed still makes its POST, and has by then.
  await pause(1_000);
  const { all: before, lastAtMs } = await ask<Arrivals>(stand.receiver, 'count');
  const parked = `hook.deliveries WHERE webhook_id = '${id}' AND status = 'PAUSED'`;
  await until(async () => (await countRows(stand, parked)) === open, 'every delivery to have parked');
  const { all: after } = await ask<Arrivals>(stand.receiver, 'count');
  if (after !== before) throw new Error(`${after - before} POSTs were made while the webhook was paused`);
  note(
    `Pausing with ${open} open deliveries`,
    `${tookMs.toFixed(0)} ms; the last POST ${Math.max(0, lastAtMs - answeredAtMs)} ms after the answer, none while all of them came to park`,
  );

  await ask(stand.receiver, 200);
  await ask(stand.receiver, 'reset');
  const resumedAt = performance.now();
  await tenant.post(`/v1/webhooks/${id}/resume`);
  const seconds = await allSucceed(stand, id, open, resumedAt);
  note(`Resuming ${open} at ${rate} a second`, `${seconds.toFixed(1)} s until the last was delivered, none twice`);
}

async function replayMany(stand: Stand, tenant: Caller): Promise<void> {
  const { replayed } = size;
  await ask(stand.receiver, 400);
  const id = await createWebhook(stand, tenant, 'default');
  await publish(tenant, replayed);
  const dead = `hook.deliveries WHERE webhook_id = '${id}' AND status = 'DEAD_LETTER'`;
  await until(async () => (await countRows(stand, dead)) === replayed, 'every delivery to be a dead letter');

  await ask(stand.receiver, 200);
  await ask(stand.receiver, 'reset');
  const replayedAt = performance.now();
  await tenant.post(`/v1/webhooks/${id}/replay`, {
    status: 'DEAD_LETTER',
    since: new Date(Date.now() - 3_600_000).toISOString(),
  });
  const seconds = await allSucceed(stand, id, replayed, replayedAt);
  note(
    `Replaying ${replayed} dead letters at ${rate} a second`,
    `${seconds.toFixed(1)} s until the last was delivered, none twice`,
  );
}

async function operate(stand: Stand, tenant: Caller): Promise<void> {
  const id = await createWebhook(stand, tenant, 'default');
  const connection = await Connection.connect({ address: stand.temporal.address });
  try {
    const client = new Client({ connection });
    const handle = client.workflow.getHandle(`webhook:${id}`);
    await until(
      () =>
        handle.describe().then(
          () => true,
          () => false,
        ),
      'the control workflow to be started',
    );
    const changes = async (): Promise<number> =>
      countRows(stand, `hook.audit_logs WHERE tenant_id = '${tenant.tenantId}' AND target = 'webhook:${id}'`);
    const before = await changes();
    const startedAt = performance.now();
    for (let n = 0; n < size.operations; n++) {
      await handle.executeUpdate(n % 2 === 0 ? 'pause' : 'resume', { args: [{ reason: `operation ${n}` }] });
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const done = (await changes()) - before;
    if (done !== size.operations) throw new Error(`${done} of ${size.operations} operations changed the webhook`);
    const lengths = await runLengths(client, `webhook:${id}`);
    note(
      `A control workflow after ${size.operations} operations`,
      `${lengths.length} runs of ${lengths.join(', ')} events; ${seconds.toFixed(1)} s for all`,
    );
  } finally {
    await connection.close();
  }
}

/** Events of each run, the latest first; each names the run that it goes on for. */
async function runLengths(client: Client, workflowId: string): Promise<number[]> {
  const lengths: number[] = [];
  let runId: string | undefined;
  do {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    lengths.push(events?.length ?? 0);
    runId = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  } while (runId !== undefined);
  return lengths;
}

async function rebuild(stand: Stand, tenant: Caller, everhook: ServerProcess): Promise<void> {
  const { rebuilt, retrySeconds } = size;
  await ask(stand.receiver, 503);
  const id = await createWebhook(stand, tenant, { delays_seconds: [2 * retrySeconds, 2 * retrySeconds] });
  await publish(tenant, rebuilt);
  const failed = `hook.deliveries WHERE webhook_id = '${id}' AND status = 'FAILED_RETRY'`;
  await until(async () => (await countRows(stand, failed)) === rebuilt, 'every delivery to have failed once');
  await everhook.stop();
  await stand.loseTemporal();
  await ask(stand.receiver, 200);
  await ask(stand.receiver, 'reset');

  const startedAt = performance.now();
  const main = join(projectFolder, 'dist', 'src', 'main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'rebuild'], {
    env: { ...process.env, ...stand.env, LOG_LEVEL: 'silent' },
  });
  const seconds = (performance.now() - startedAt) / 1000;
  await stand.startServer('everhook', { env: environmentOf(stand) });
  await allSucceed(stand, id, rebuilt, startedAt);
  const counted = await countRows(stand, `hook.deliveries WHERE webhook_id = '${id}' AND attempts = 2`);
  if (counted !== rebuilt) throw new Error(`${rebuilt - counted} deliveries have not counted their attempts on`);
  note(`Rebuilding ${rebuilt} deliveries`, `${seconds.toFixed(1)} s; all arrived, each by its second attempt`);
  say(stdout.trim());
}

const environmentOf = ({ env }: Stand): Record<string, string> => ({ ...env, RESUME_RATE_PER_SECOND: String(rate) });

async function createWebhook(stand: Stand, tenant: Caller, retryPolicy: object | string): Promise<string> {
  const { id } = await tenant.post('/v1/webhooks', {
    url: stand.receiverUrl,
    event_types: [`bench.w${++webhooks}`],
    retry_policy: retryPolicy,
    max_in_flight: 500,
  });
  return id ?? '';
}

let webhooks = 0;

/** To the webhook that was created last. */
async function publish(tenant: Caller, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 100) {
    const events = Array.from({ length: Math.min(100, left) }, (_, n) => ({
      type: `bench.w${webhooks}`,
      payload: { n },
    }));
    await tenant.post('/v1/events/batch', { events });
  }
}

/** @returns seconds since `startedAt` @throws Error when one was lost or came twice */
async function allSucceed(stand: Stand, webhookId: string, count: number, startedAt: number): Promise<number> {
  const done = `hook.deliveries WHERE webhook_id = '${webhookId}' AND status = 'SUCCESS'`;
  await until(async () => (await countRows(stand, done)) === count, 'every delivery to succeed');
  const seconds = (performance.now() - startedAt) / 1000;
  const { all, distinct } = await ask<Arrivals>(stand.receiver, 'count');
  if (distinct !== count || all !== count) throw new Error(`${distinct} of ${count} arrived, in ${all} POSTs`);
  return seconds;
}

void main();
