/**
 * So many a minute, counted for each name by itself, from the first on. In memory and for this process
 * alone: a count that all processes share would cost a write each time.
 */
import { LRUCache } from 'lru-cache';
import type { RateLimit } from '../domain/rate-limit';

const windowMs = 60_000;

/** Of those who are counted now; beyond them the oldest are forgotten. */
const maxNames = 20_000;

export interface MinuteLimit {
  /** @returns undefined as long as all of these names may go on */
  limitOf(names: readonly string[]): RateLimit | undefined;
  count(names: readonly string[]): void;
}

/** @param now in milliseconds, from whenever */
export function createMinuteLimit(limit: number, now: () => number = () => performance.now()): MinuteLimit {
  const windows = new LRUCache<string, { counted: number; readonly endsAt: number }>({ max: maxNames });

  const current = (name: string) => {
    const window = windows.get(name);
    return window !== undefined && window.endsAt > now() ? window : undefined;
  };
  return {
    limitOf(names) {
      const full = names.map(current).filter((window) => window !== undefined && window.counted >= limit);
      if (full.length === 0) return undefined;
      const endsAt = Math.max(...full.map((window) => window?.endsAt ?? 0));
      return { limit, remaining: 0, reset: Math.ceil((endsAt - now()) / 1000) };
    },
    count(names) {
      for (const name of names) {
        const window = current(name);
        if (window) window.counted++;
        else windows.set(name, { counted: 1, endsAt: now() + windowMs });
      }
    },
  };
}
