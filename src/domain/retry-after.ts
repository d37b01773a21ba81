/**
 * The Retry-After header of a receiver, read strictly.
 * Lenient parsers accept '-5', '0x10' or '120.5' and turn them into surprising dates, so only two forms count.
 */

const maxRetryAfterMs = 24 * 60 * 60 * 1000;

/**
 * @param value digits (seconds) or an IMF-fixdate; anything else is ignored
 * @param nowMs Unix milliseconds
 * @returns the wait in milliseconds, 1 ms to 24 h; undefined when the header asks for no wait
 * @see RFC 9110, sections 10.2.3 and 5.6.7
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const waitMs = /^\d{1,10}$/.test(value) ? Number(value) * 1000 : fixdateMs(value) - nowMs;
  // NaN, from what is neither form, fails this comparison as well.
  return waitMs > 0 ? Math.min(waitMs, maxRetryAfterMs) : undefined;
}

/** toUTCString writes an IMF-fixdate, so only a real one survives the round trip; NaN for all else. */
function fixdateMs(value: string): number {
  const ms = Date.parse(value);
  return new Date(ms).toUTCString() === value ? ms : Number.NaN;
}
