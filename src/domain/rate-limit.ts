/** What somebody is told who has reached a limit of so many in a span of time. */
import { EverhookError } from './errors';

export interface RateLimit {
  readonly limit: number;
  readonly remaining: 0;
  /** Whole seconds until the next try, at least 1. */
  readonly reset: number;
}

/** @param what the limit is about, such as `events a second` */
export function rateLimited(limit: RateLimit, what: string): EverhookError {
  const publicMessage = `At most ${limit.limit} ${what}; try again later.`;
  return new EverhookError('RATE_LIMITED', publicMessage, { publicMessage, details: { ...limit } });
}
