/** One closed loop against one system: how fast, what it costs and whether everything arrived once. */
import { setTimeout as pause } from 'node:timers/promises';
import { ask, until, type Stand } from '../stand';
import { cpuMsOfTree, peakBytesOfTree } from '../process-cpu';
import type { PublishOrder, PublishReport } from '../programs/publisher';
import type { Arrivals } from '../programs/receiver';

export interface System {
  readonly name: string;
  /** As tables and charts call it. */
  readonly label: string;
  /** What survives which crash. */
  readonly durability: string;
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the events. */
  readonly type: string;
  /** In place of headers and type: each event takes the next of them. */
  readonly turns?: readonly { readonly headers: Readonly<Record<string, string>>; readonly type: string }[];
  /** Status that says that an event was taken. */
  readonly accepted: number;
  /** Of the process that accepts; its children count with it. */
  readonly pid: number;
  /** Deliveries made in one round. */
  readonly count: number;
  /** Deliveries that each event makes. */
  readonly fanOut: number;
  /** Deliveries recorded as successful so far; left out, those that have arrived. */
  readonly recorded?: () => Promise<number>;
}

export interface Cost {
  readonly process: number;
  /** Postgres or Redis. */
  readonly store: number;
  readonly temporal: number;
}

export interface Figures {
  /** Deliveries recorded per second, from the first event to the last record. */
  readonly perSecond: number;
  readonly acceptP50Ms: number;
  readonly acceptP99Ms: number;
  /** CPU per delivery in milliseconds. */
  readonly cpuMs: Cost;
  /** Written to the log of Postgres per delivery, in bytes. */
  readonly walBytes: number;
  /** Of the process that accepts and its children, in bytes, since they were started. */
  readonly peakBytes: number;
  readonly lost: number;
  readonly duplicates: number;
}

/** Bytes of an event's payload unless told otherwise. */
export const payloadBytes = 1_024;

/** An event whose payload has so many bytes; `at` in it tells when it was to be sent. */
export function eventBody(type: string, bytes = payloadBytes): string {
  const bare = JSON.stringify({ at: 1_700_000_000_000, order: 4711, note: '' });
  const payload = { at: 0, order: 4711, note: 'x'.repeat(Math.max(0, bytes - bare.length)) };
  return JSON.stringify({ type, payload });
}

export const totalCpuMs = ({ process, store, temporal }: Cost): number => process + store + temporal;

export async function measure(
  stand: Stand,
  system: System,
  { concurrency, body = eventBody(system.type) }: { readonly concurrency: number; readonly body?: string },
): Promise<Figures> {
  await calm(stand);
  await ask<Arrivals>(stand.receiver, 'reset');
  const before = (await system.recorded?.()) ?? 0;
  const wal = await walPosition(stand);
  const cpuBefore = cpuOf(stand, system);
  const startedAt = performance.now();
  const report = await ask<PublishReport>(stand.publisher, {
    url: system.url,
    path: system.path,
    headers: { 'content-type': 'application/json', ...system.headers },
    accepted: system.accepted,
    body,
    ...(system.turns && { turns: system.turns }),
    count: system.count / system.fanOut,
    concurrency,
  } satisfies PublishOrder);
  const arrived = async (): Promise<boolean> => (await ask<Arrivals>(stand.receiver, 'count')).distinct >= system.count;
  await until(arrived, `all of ${system.name} to arrive`);
  const recorded = async (): Promise<boolean> => ((await system.recorded?.()) ?? Infinity) - before >= system.count;
  await until(recorded, `all of ${system.name} to be recorded`);
  const elapsedMs = performance.now() - startedAt;
  const cpuAfter = cpuOf(stand, system);
  const { all, distinct } = await ask<Arrivals>(stand.receiver, 'count');
  const perDelivery = (part: keyof Cost): number => (cpuAfter[part] - cpuBefore[part]) / system.count;
  return {
    perSecond: system.count / (elapsedMs / 1000),
    acceptP50Ms: report.p50Ms,
    acceptP99Ms: report.p99Ms,
    cpuMs: { process: perDelivery('process'), store: perDelivery('store'), temporal: perDelivery('temporal') },
    walBytes: ((await walPosition(stand)) - wal) / system.count,
    peakBytes: peakBytesOfTree(system.pid),
    lost: system.count - distinct,
    duplicates: all - distinct,
  };
}

/** Temporal goes on working for a while after the last delivery; the next system must not be charged with that. */
export async function calm({ temporal, database }: Stand, limitMs = 15_000, forMs = 500): Promise<void> {
  const busyMs = (): number => cpuMsOfTree(temporal.pid) + cpuMsOfTree(database.pid);
  const giveUpAt = performance.now() + limitMs;
  let calmSince = performance.now();
  for (let before = busyMs(); performance.now() < giveUpAt; before = busyMs()) {
    await pause(500);
    if (busyMs() - before > 30) calmSince = performance.now();
    else if (performance.now() - calmSince >= forMs) return;
  }
}

function cpuOf(stand: Stand, { pid }: System): Cost {
  return {
    process: cpuMsOfTree(pid),
    store: cpuMsOfTree(stand.database.pid) + (stand.redis ? cpuMsOfTree(stand.redis.pid) : 0),
    temporal: cpuMsOfTree(stand.temporal.pid),
  };
}

async function walPosition({ database }: Stand): Promise<number> {
  const { rows } = await database.admin.query<{ at: string }>("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS at");
  return Number(rows[0]?.at);
}
