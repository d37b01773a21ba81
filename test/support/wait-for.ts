/** Waits on a condition, never for a time. */

const deadlineMs = 20_000;

/** @returns the first value of `probe` that is neither undefined nor false @throws Error after the deadline */
export async function waitFor<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  what = 'the condition',
  timeoutMs = deadlineMs,
): Promise<T> {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > giveUpAt) throw new Error(`${what} did not come true within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
