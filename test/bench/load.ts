/** Requests in a closed loop: so many at a time, each followed by the next, until the time is over. */
import { performance } from 'node:perf_hooks';
import { Pool } from 'undici';
import type { ServerProcess } from './server-process';

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly expectedStatus: number;
}

export interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the server's process for one request, in milliseconds. */
  readonly cpuMs: number;
}

export const concurrency = 16;

/** @throws Error when an answer has another status than the expected one */
export async function measure(server: ServerProcess, request: Request, seconds: number): Promise<Figures> {
  const pool = new Pool(server.url, { connections: concurrency, pipelining: 1 });
  const durations: number[] = [];
  const cpuBefore = server.cpuMs();
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const loop = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const sentAt = performance.now();
      await send(pool, request);
      durations.push(performance.now() - sentAt);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, loop));
  } finally {
    await pool.close();
  }
  const elapsedMs = performance.now() - startedAt;
  const cpuMs = server.cpuMs() - cpuBefore;
  durations.sort((a, b) => a - b);
  const quantile = (share: number): number => durations[Math.floor((durations.length - 1) * share)] ?? 0;
  return {
    perSecond: durations.length / (elapsedMs / 1000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    cpuMs: cpuMs / durations.length,
  };
}

async function send(pool: Pool, { method, path, headers, body, expectedStatus }: Request): Promise<void> {
  const answer = await pool.request({ method, path, headers, body: body ?? null });
  const text = await answer.body.text();
  if (answer.statusCode !== expectedStatus) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
}
