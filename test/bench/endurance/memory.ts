/** Whether a process grows with what it has delivered: its heap after a collection, a tenth of the run at a time. */
import type { Everhook } from '../lanes/systems';
import { median } from '../median';
import { until, type Stand } from '../stand';
import { createTarget, delivered, publish } from './publish';

const mib = 1_048_576;
const steps = 20;

/** @returns how heap and memory were after the first fifth, and at the end */
export async function memoryLine(
  stand: Stand,
  everhook: Everhook,
  lane: 'direct' | 'workflow',
  count: number,
): Promise<string> {
  const { server, tenant } = everhook;
  const target = await createTarget(stand, tenant, `memory.${lane}`, { lane });
  const heaps: number[] = [];
  const sizes: number[] = [];
  for (let step = 1; step <= steps; step++) {
    await publish(stand, everhook, target, count / steps);
    await until(async () => (await delivered(stand, target)) >= (step * count) / steps, 'all to be delivered');
    const { heapUsed, rss } = await server.memory();
    heaps.push(heapUsed);
    sizes.push(rss);
  }
  const after = (values: readonly number[], from: number, to: number): number => median(values.slice(from, to));
  const [heapBefore, heapAfter] = [after(heaps, steps / 5 - 1, steps / 5 + 2), after(heaps, steps - 3, steps)];
  const [sizeBefore, sizeAfter] = [after(sizes, steps / 5 - 1, steps / 5 + 2), after(sizes, steps - 3, steps)];
  return (
    `${count} deliveries in the ${lane} lane: heap ${shown(heapBefore)} MiB after the first fifth, ${shown(heapAfter)} at the end ` +
    `(${percent(heapAfter / heapBefore)}); resident ${shown(sizeBefore)} and ${shown(sizeAfter)} (${percent(sizeAfter / sizeBefore)})`
  );
}

const shown = (bytes: number): string => (bytes / mib).toFixed(1);
const percent = (ratio: number): string => `${ratio < 1 ? '' : '+'}${((ratio - 1) * 100).toFixed(1)} %`;
