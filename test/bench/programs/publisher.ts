/**
 * Publishes events in a process of its own: in a closed loop, so many at a time, each followed by the next; or at even
 * times, whatever the answers do. Where the body holds `"at":0`, it gets the time at which it was to be sent.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';

export interface PublishOrder {
  readonly url: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  /** Each event takes the next of them: its headers, and its type in place of `bench.turns`. */
  readonly turns?: readonly { readonly headers: Readonly<Record<string, string>>; readonly type: string }[];
  /** Status that says that an event was taken. */
  readonly accepted: number;
  readonly body: string;
  readonly count: number;
  /** At a time; at most, when a rate is given. */
  readonly concurrency: number;
  /** Left out, it is a closed loop. */
  readonly perSecond?: number;
}

export interface PublishReport {
  readonly elapsedMs: number;
  /** Of accepting, in milliseconds; from the time at which it was to be sent, when a rate was given. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

process.on('disconnect', () => process.exit(0));
process.on('message', (order: PublishOrder) => {
  publish(order).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.send?.('ready');

async function publish(order: PublishOrder): Promise<PublishReport> {
  const { url, path, headers, accepted, count, concurrency, perSecond } = order;
  const pool = new Pool(url, { connections: concurrency, pipelining: 1 });
  const [before = '', after] = order.body.split('"at":0');
  const bodyAt = (ms: number): string => (after === undefined ? before : `${before}"at":${ms.toFixed(2)}${after}`);
  const durations: number[] = [];

  let turn = 0;
  const send = async (dueAt: number): Promise<void> => {
    const body = bodyAt(performance.timeOrigin + dueAt);
    const next = order.turns?.[turn++ % order.turns.length];
    const answer = await pool.request({
      method: 'POST',
      path,
      headers: next ? { ...headers, ...next.headers } : headers,
      body: next ? body.replace('bench.turns', next.type) : body,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== accepted) throw new Error(`${path}: ${answer.statusCode} ${text}`);
    durations.push(performance.now() - dueAt);
  };

  const startedAt = performance.now();
  if (perSecond === undefined) {
    let left = count;
    const loop = async (): Promise<void> => {
      while (left-- > 0) await send(performance.now());
    };
    await Promise.all(Array.from({ length: concurrency }, loop));
  } else {
    const underWay: Promise<void>[] = [];
    for (let n = 0; n < count; n++) {
      const dueAt = startedAt + (n * 1000) / perSecond;
      if (dueAt > performance.now()) await pause(dueAt - performance.now());
      underWay.push(send(dueAt));
    }
    await Promise.all(underWay);
  }
  const elapsedMs = performance.now() - startedAt;
  await pool.close();
  durations.sort((a, b) => a - b);
  const quantile = (share: number): number => durations[Math.floor((durations.length - 1) * share)] ?? 0;
  return { elapsedMs, p50Ms: quantile(0.5), p99Ms: quantile(0.99), p999Ms: quantile(0.999) };
}
