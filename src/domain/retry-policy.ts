/**
 * When a failed delivery is tried again.
 * A policy is a list of delays: n delays make n + 1 attempts.
 */

/** Delays in seconds. `default` spans 341 s, `extended` 10 h 35 min 30 s. */
export const namedPolicies = {
  default: [1, 4, 16, 64, 256],
  extended: [30, 5 * 60, 30 * 60, 2 * 3600, 8 * 3600],
} as const satisfies Record<string, readonly number[]>;

export type PolicyName = keyof typeof namedPolicies;
export type RetryPolicy = PolicyName | { readonly delays_seconds: readonly number[] };

export const maxDelays = 20;
export const maxDelaySeconds = 86_400;

/** Share of a delay by which it may be longer or shorter, so that many failures do not come back at one moment. */
const jitterShare = 0.1;

/** Delays in milliseconds, in order. */
export function delaysMs(policy: RetryPolicy): number[] {
  const seconds = typeof policy === 'string' ? namedPolicies[policy] : policy.delays_seconds;
  return seconds.map((s) => s * 1000);
}

/**
 * Why a policy cannot be used, in words for the client, or undefined when it can.
 * Its delays must end before the delivery expires, or the last attempts would never be made.
 */
export function policyProblem(policy: RetryPolicy, ttlSeconds: number): string | undefined {
  const totalSeconds = delaysMs(policy).reduce((sum, ms) => sum + ms, 0) / 1000;
  if (totalSeconds < ttlSeconds) return undefined;
  return `The delays of retry_policy add up to ${totalSeconds} s, which must be less than ttl_seconds (${ttlSeconds}); shorten them or raise ttl_seconds.`;
}

export interface RetryQuestion {
  /** The policy's delays in milliseconds. */
  readonly delaysMs: readonly number[];
  /** Attempts made so far in this replay, the failed one included; from 1. */
  readonly attempts: number;
  /** What the receiver asked for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** A number from [0, 1) that spreads the retries; the same number gives the same delay. */
  readonly jitter: number;
}

/**
 * Milliseconds until the next attempt, or undefined when the policy allows no further one.
 * Within ±10 % of the policy's delay, never earlier than the receiver asked for.
 */
export function retryDelayMs({ delaysMs, attempts, retryAfterMs = 0, jitter }: RetryQuestion): number | undefined {
  const delay = delaysMs[attempts - 1];
  if (delay === undefined) return undefined;
  const jittered = Math.round(delay * (1 + jitterShare * (2 * jitter - 1)));
  return Math.max(jittered, retryAfterMs);
}
