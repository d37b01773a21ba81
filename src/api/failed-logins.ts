/**
 * How often somebody may fail to log in: 20 times a minute, counted for each client id and for each
 * address. Successes do not count. In memory and for this process alone, which bounds guessing well enough.
 */
import { LRUCache } from 'lru-cache';

const limit = 20;
const windowMs = 60_000;

/** Of those who fail now; beyond them the oldest are forgotten. */
const maxNames = 20_000;

export interface LoginLimit {
  readonly limit: number;
  readonly remaining: 0;
  /** Seconds until the next try. */
  readonly reset: number;
}

export interface FailedLogins {
  /** @returns undefined as long as all of these names may try */
  limitOf(names: readonly string[]): LoginLimit | undefined;
  count(names: readonly string[]): void;
}

/** @param now in milliseconds, from whenever */
export function createFailedLogins(now: () => number = () => performance.now()): FailedLogins {
  const windows = new LRUCache<string, { failures: number; readonly endsAt: number }>({ max: maxNames });

  const current = (name: string) => {
    const window = windows.get(name);
    return window !== undefined && window.endsAt > now() ? window : undefined;
  };
  return {
    limitOf(names) {
      const full = names.map(current).filter((window) => window !== undefined && window.failures >= limit);
      if (full.length === 0) return undefined;
      const endsAt = Math.max(...full.map((window) => window?.endsAt ?? 0));
      return { limit, remaining: 0, reset: Math.ceil((endsAt - now()) / 1000) };
    },
    count(names) {
      for (const name of names) {
        const window = current(name);
        if (window) window.failures++;
        else windows.set(name, { failures: 1, endsAt: now() + windowMs });
      }
    },
  };
}
