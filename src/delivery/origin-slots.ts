/**
 * How many requests may be under way to one origin at a time; the rest wait in order.
 * This is not left to undici's `connections`: its queue cannot be left when a deadline passes, and it stalls after
 * a request that throws, or when every pooled client reached its `clientTtl` (undici 7.30).
 */

export interface OriginSlots {
  /**
   * Waits for a slot.
   *
   * @returns a function that gives the slot back; calls after the first do nothing
   * @throws the signal's reason when it aborts first
   */
  acquire(origin: string, signal: AbortSignal): Promise<() => void>;
}

interface Origin {
  taken: number;
  waiting: Set<() => void>;
}

/** @param perOrigin slots of each origin, at least 1 */
export function createOriginSlots(perOrigin: number): OriginSlots {
  const origins = new Map<string, Origin>();

  return {
    async acquire(key, signal) {
      signal.throwIfAborted();
      let origin = origins.get(key);
      if (origin === undefined) origins.set(key, (origin = { taken: 0, waiting: new Set() }));
      if (origin.taken < perOrigin) origin.taken++;
      else await turn(origin, signal);
      return once(() => release(key, origin));
    },
  };

  function release(key: string, origin: Origin): void {
    const [next] = origin.waiting;
    // The slot goes straight to the next in line, so `taken` stays as it is.
    if (next !== undefined) return next();
    origin.taken--;
    if (origin.taken === 0) origins.delete(key);
  }
}

function turn(origin: Origin, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onTurn = () => {
      origin.waiting.delete(onTurn);
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = () => {
      origin.waiting.delete(onTurn);
      reject(signal.reason as Error);
    };
    origin.waiting.add(onTurn);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
