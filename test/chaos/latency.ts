/** How long events take from publishing to their first arrival. */
import type { Publisher } from './publisher';
import type { Arrival } from './receiver';

/** @returns the 99th percentile, in milliseconds, of those published between two times */
export function p99Between(
  publishers: readonly Publisher[],
  arrivals: readonly Arrival[],
  from: number,
  to: number,
): number {
  const firstAt = new Map<string, number>();
  for (const { eventId, at } of arrivals) if (!firstAt.has(eventId)) firstAt.set(eventId, at);
  const ways = publishers
    .flatMap(({ published }) => published)
    .filter(({ at }) => at >= from && at < to)
    // One that has not arrived yet has been on its way for as long as we know.
    .map(({ eventId, at }) => (firstAt.get(eventId) ?? performance.now()) - at)
    .toSorted((a, b) => a - b);
  return ways[Math.floor((ways.length - 1) * 0.99)] ?? 0;
}
