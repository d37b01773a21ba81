/**
 * How often somebody may fail to log in: 20 times a minute, counted for each client id and for each
 * address. Successes do not count. Each process counts for itself, which bounds guessing well enough.
 */
import { createMinuteLimit, type MinuteLimit } from './minute-limit';

const limit = 20;

/** @param now in milliseconds, from whenever */
export function createFailedLogins(now?: () => number): MinuteLimit {
  return createMinuteLimit(limit, now);
}
