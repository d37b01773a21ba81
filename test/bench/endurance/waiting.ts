/** What deliveries cost that wait for their retry, each with a workflow, and whether others notice them. */
import { setTimeout as pause } from 'node:timers/promises';
import { calm } from '../lanes/measure';
import type { Everhook } from '../lanes/systems';
import { median } from '../median';
import { cpuMsOfTree, residentBytesOfTree } from '../process-cpu';
import { countRows, until, type Stand } from '../stand';
import { createTarget, delivered, publish } from './publish';

const mib = 1_048_576;
const idleMs = 30_000;

/** Temporal pauses in its work now and then, so that it has to be calm for a while. */
const calmForMs = 10_000;
const rounds = 5;

interface Load {
  readonly waiting: number;
  /** Deliveries made beside them, and before. */
  readonly beside: number;
}

export async function waitingLines(stand: Stand, everhook: Everhook, load: Load): Promise<string[]> {
  const { server, tenant } = everhook;
  const parts = { process: server.pid, Postgres: stand.database.pid, Temporal: stand.temporal.pid };
  const plain = await createTarget(stand, tenant, 'waiting.plain', {});
  const failing = await createTarget(stand, tenant, 'waiting.failing', {
    path: '/refuse',
    retry_policy: { delays_seconds: [43_200, 43_200] },
    ttl_seconds: 100_000,
  });

  let made = 0;
  const perSecond = async (): Promise<number> => {
    const startedAt = performance.now();
    await publish(stand, everhook, plain, load.beside / rounds);
    made += load.beside / rounds;
    await until(async () => (await delivered(stand, plain)) >= made, 'all to be delivered');
    return load.beside / rounds / ((performance.now() - startedAt) / 1000);
  };
  const several = async (): Promise<number[]> => {
    await perSecond();
    const found: number[] = [];
    for (let round = 0; round < rounds; round++) found.push(await perSecond());
    return found;
  };

  const speedBefore = await several();
  const bytesBefore = await databaseBytes(stand);
  await calm(stand, 60_000, calmForMs);
  const before = await shareOfCore(parts);
  const residentBefore = Object.values(parts).map(residentBytesOfTree);
  await publish(stand, everhook, failing, load.waiting, 32);
  const waits = "hook.deliveries WHERE webhook_id = $1 AND status = 'FAILED_RETRY' AND run_id IS NOT NULL";
  await until(async () => (await countRows(stand, waits, [failing.webhookId])) >= load.waiting, 'all to wait');
  const startedAt = performance.now();
  await calm(stand, 600_000, calmForMs);
  const calmMs = performance.now() - startedAt - calmForMs;
  const bytes = ((await databaseBytes(stand)) - bytesBefore) / load.waiting;
  const resident = Object.values(parts).map(residentBytesOfTree);
  const idle = await shareOfCore(parts);
  const speed = await several();

  const memory = Object.keys(parts).map((name, at) => {
    const grown = (resident[at] ?? 0) - (residentBefore[at] ?? 0);
    return `${name} ${(grown / mib).toFixed(0)} MiB more (${(grown / load.waiting / 1024).toFixed(1)} KiB each)`;
  });
  const shares = Object.keys(parts).map((name, at) => `${name} ${before[at]?.toFixed(1)} → ${idle[at]?.toFixed(1)} %`);
  const ratio = (median(speed) / median(speedBefore)).toFixed(2);
  return [
    `${load.waiting} workflows that wait for a retry: ${memory.join(', ')}, ${(bytes / 1024).toFixed(1)} KiB each on Postgres's disk`,
    `Temporal was calm ${(calmMs / 1000).toFixed(0)} s after the last of them had failed; of one core while nothing happens, without and with them: ${shares.join(', ')}`,
    `others beside them: ${median(speed).toFixed(0)} deliveries/s in the workflow lane, ${ratio} times what it was (${median(speedBefore).toFixed(0)})`,
  ];
}

async function databaseBytes({ database }: Stand): Promise<number> {
  const { rows } = await database.admin.query<{ bytes: string }>(
    'SELECT pg_database_size(current_database()) AS bytes',
  );
  return Number(rows[0]?.bytes);
}

/** Of each part, in percent. */
async function shareOfCore(parts: Readonly<Record<string, number>>): Promise<number[]> {
  const before = Object.values(parts).map(cpuMsOfTree);
  await pause(idleMs);
  return Object.values(parts).map((pid, at) => ((cpuMsOfTree(pid) - (before[at] ?? 0)) / idleMs) * 100);
}
