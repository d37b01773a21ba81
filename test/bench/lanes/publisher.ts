/** Publishes events in a closed loop, in a process of its own: so many at a time, each followed by the next. */
import { Pool } from 'undici';

export interface PublishOrder {
  readonly url: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly count: number;
  readonly concurrency: number;
}

export interface PublishReport {
  readonly elapsedMs: number;
  /** Of accepting, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
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

async function publish({ url, path, headers, body, count, concurrency }: PublishOrder): Promise<PublishReport> {
  const pool = new Pool(url, { connections: concurrency, pipelining: 1 });
  const durations: number[] = [];
  let left = count;
  const startedAt = performance.now();
  const loop = async (): Promise<void> => {
    while (left-- > 0) {
      const sentAt = performance.now();
      const answer = await pool.request({ method: 'POST', path, headers, body });
      const text = await answer.body.text();
      if (answer.statusCode !== 202) throw new Error(`${path}: ${answer.statusCode} ${text}`);
      durations.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const elapsedMs = performance.now() - startedAt;
  await pool.close();
  durations.sort((a, b) => a - b);
  const quantile = (share: number): number => durations[Math.floor((durations.length - 1) * share)] ?? 0;
  return { elapsedMs, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
