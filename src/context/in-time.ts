import { setTimeout as delay } from 'node:timers/promises';

/** How long one part may take to close, in milliseconds. */
const closeTimeoutMs = 2_000;

/** Closes one part of a process. One that cannot close, or not in time, must not keep the others open. */
export async function inTime(closing: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const late = delay(closeTimeoutMs, undefined, { signal: done.signal }).catch(() => {});
  // What cannot be closed any more is gone already.
  await Promise.race([closing.catch(() => {}), late]);
  done.abort();
}
