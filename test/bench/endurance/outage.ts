/**
 * Events of two tenants come while Temporal does not answer: they are accepted, wait in Postgres, and drain when it is
 * back, the oldest of each tenant first and neither tenant after the other.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Everhook } from '../lanes/systems';
import { residentBytesOfTree } from '../process-cpu';
import { createTenant, until, type Stand } from '../stand';
import { createTarget, delivered, publish, type Target } from './publish';

const mib = 1_048_576;

interface Load {
  /** Events of the one tenant, which come first. */
  readonly much: number;
  /** Of the other. */
  readonly little: number;
}

export async function outageLines(stand: Stand, everhook: Everhook, load: Load): Promise<string[]> {
  const { server, tenant } = everhook;
  const other = await createTenant(stand, server, 'other');
  const much = await createTarget(stand, tenant, 'outage.much', {});
  const little = await createTarget(stand, other, 'outage.little', {});
  const warm = await createTarget(stand, tenant, 'outage.warm', {});
  const calm = await publish(stand, everhook, warm, load.little * 5);
  await until(async () => (await delivered(stand, warm)) >= load.little * 5, 'all to be delivered');
  const resident = residentBytesOfTree(server.pid);

  process.kill(stand.temporal.pid, 'SIGSTOP');
  let away, shown: Record<string, number>, most: number;
  try {
    away = await publish(stand, everhook, much, load.much);
    await publish(stand, everhook, little, load.little);
    // Until every start that was under way has been given up.
    await until(async () => {
      shown = backlogOf(await server.metrics());
      return (shown['deliveries'] ?? 0) >= load.much + load.little;
    }, 'the metrics to show all of them');
    await pause(5_000);
    shown = backlogOf(await server.metrics());
    most = residentBytesOfTree(server.pid);
  } finally {
    process.kill(stand.temporal.pid, 'SIGCONT');
  }
  const backAt = performance.now();
  let littleMs = 0;
  await until(async () => {
    if (littleMs === 0 && (await delivered(stand, little)) >= load.little) littleMs = performance.now() - backAt;
    return littleMs > 0 && (await delivered(stand, much)) >= load.much;
  }, 'all to be delivered');
  const muchMs = performance.now() - backAt;
  return [
    `Temporal stopped: ${load.much + load.little} events were accepted all the same, at ${rate(load.much, away.elapsedMs)}/s (p99 ${away.p99Ms.toFixed(0)} ms) ` +
      `beside ${rate(load.little * 5, calm.elapsedMs)}/s (p99 ${calm.p99Ms.toFixed(0)} ms) with it; the process held ${((most - resident) / mib).toFixed(0)} MiB more; ` +
      `/metrics showed ${shown['deliveries']} deliveries behind, the oldest by ${shown['oldest_seconds']?.toFixed(0)} s`,
    `Temporal back: all delivered after ${(muchMs / 1000).toFixed(0)} s (${rate(load.much + load.little, muchMs)}/s); those of the tenant with ${load.little}, which came last, after ` +
      `${(littleMs / 1000).toFixed(0)} s; correlation of the order of acceptance with that of delivery ${(await orderOf(stand, much)).toFixed(2)}`,
  ];
}

const rate = (count: number, ms: number): string => (count / (ms / 1000)).toFixed(0);

function backlogOf(metrics: string): Record<string, number> {
  const values = metrics.matchAll(/^hook_backlog_(\w+)\{state="unstarted"\} (\S+)$/gm);
  return Object.fromEntries([...values].map(([, name, value]) => [name, Number(value)]));
}

/** Spearman's rank correlation: 1 is the same order. */
async function orderOf({ database }: Stand, { webhookId }: Target): Promise<number> {
  const { rows } = await database.admin.query<{ correlation: number }>(
    `SELECT corr(accepted, sent) AS correlation FROM (
       SELECT rank() OVER (ORDER BY d.created_at) AS accepted, rank() OVER (ORDER BY a.attempted_at) AS sent
       FROM hook.deliveries d JOIN hook.delivery_attempts a ON a.delivery_id = d.id WHERE d.webhook_id = $1) ranks`,
    [webhookId],
  );
  return rows[0]?.correlation ?? 0;
}
