/** Work on many things, a few at a time. */

/**
 * Each item is taken once, in its order, by whoever is free.
 *
 * @throws what `work` throws first; what is under way then goes on
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  // One iterator for all workers.
  const next = Array.from(items).values();
  const worker = async (): Promise<void> => {
    for (const item of next) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
