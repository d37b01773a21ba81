import {
  delaysMs,
  maxDelays,
  namedPolicies,
  policyProblem,
  retryDelayMs,
  type RetryPolicy,
} from '../../../src/domain/retry-policy';

/** From 0 up to, but not including, 1. */
const jitters = Array.from({ length: 1000 }, (_, index) => index / 1000);

describe('the named policies', () => {
  it.each([
    ['default', [1, 4, 16, 64, 256], 341],
    ['extended', [30, 300, 1800, 7200, 28_800], 10 * 3600 + 35 * 60 + 30],
  ] as const)('%s waits %j s, %d s in all', (name, seconds, totalSeconds) => {
    const delays = delaysMs(name);

    expect(delays).toEqual(seconds.map((s) => s * 1000));
    expect(delays.reduce((sum, ms) => sum + ms, 0)).toBe(totalSeconds * 1000);
  });

  it.each(Object.keys(namedPolicies) as RetryPolicy[])('%s ends within the TTL of a webhook that sets none', (name) => {
    expect(policyProblem(name, 86_400)).toBeUndefined();
  });
});

describe('a policy of N delays', () => {
  it.each([
    ['default', 6],
    ['extended', 6],
    [{ delays_seconds: [] }, 1],
    [{ delays_seconds: [7] }, 2],
    [{ delays_seconds: Array.from({ length: maxDelays }, () => 1) }, 21],
  ] as [RetryPolicy, number][])('%j makes N + 1 attempts: %d', (policy, attempts) => {
    const delays = delaysMs(policy);

    let made = 1;
    while (retryDelayMs({ delaysMs: delays, attempts: made, jitter: 0.5 }) !== undefined) made++;

    expect(made).toBe(attempts);
  });

  it('waits its delays in order', () => {
    const delays = delaysMs('default');

    const waits = delays.map((_, index) => retryDelayMs({ delaysMs: delays, attempts: index + 1, jitter: 0.5 }));

    expect(waits).toEqual(delays);
  });

  it('allows no further attempt when it is exhausted, whatever the receiver asks for', () => {
    const question = { delaysMs: [1000, 2000], attempts: 3, jitter: 0.5, retryAfterMs: 5000 };

    expect(retryDelayMs(question)).toBeUndefined();
  });
});

describe('jitter', () => {
  it.each([1000, 4000, 256_000, 86_400_000])('keeps a delay of %d ms within 10 %', (delay) => {
    const waits = jitters.map((jitter) => retryDelayMs({ delaysMs: [delay], attempts: 1, jitter }) ?? Number.NaN);

    expect(Math.min(...waits)).toBe(delay * 0.9);
    expect(Math.max(...waits)).toBeLessThanOrEqual(delay * 1.1);
    expect(Math.max(...waits)).toBeGreaterThan(delay * 1.09);
    expect(waits.every(Number.isInteger)).toBe(true);
  });

  it('gives the same delay for the same number', () => {
    const ask = (jitter: number) => retryDelayMs({ delaysMs: [16_000], attempts: 1, jitter });

    expect(jitters.map(ask)).toEqual(jitters.map(ask));
    expect(ask(0.1)).not.toBe(ask(0.9));
  });

  it.each([1, 999, 1000, 1099, 1100, 5000, 86_400_000])(
    'is never earlier than a Retry-After of %d ms',
    (retryAfterMs) => {
      const waits = jitters.map(
        (jitter) => retryDelayMs({ delaysMs: [1000], attempts: 1, jitter, retryAfterMs }) ?? Number.NaN,
      );

      expect(Math.min(...waits)).toBeGreaterThanOrEqual(retryAfterMs);
    },
  );

  it('is not cut short by a Retry-After below the delay of the policy', () => {
    const question = { delaysMs: [64_000], attempts: 1, jitter: 0.25 };

    expect(retryDelayMs({ ...question, retryAfterMs: 1000 })).toBe(retryDelayMs(question));
  });
});

describe('a policy and a TTL', () => {
  it.each([
    ['default', 342],
    ['extended', 38_131],
    [{ delays_seconds: [] }, 1],
    [{ delays_seconds: [10, 20] }, 31],
  ] as [RetryPolicy, number][])('%j goes with %d s', (policy, ttlSeconds) => {
    expect(policyProblem(policy, ttlSeconds)).toBeUndefined();
  });

  it.each([
    ['default', 341],
    ['extended', 38_130],
    [{ delays_seconds: [10, 20] }, 30],
    [{ delays_seconds: [86_400] }, 3600],
  ] as [RetryPolicy, number][])('%j does not go with %d s, and the problem names both', (policy, ttlSeconds) => {
    const totalSeconds = delaysMs(policy).reduce((sum, ms) => sum + ms, 0) / 1000;

    const problem = policyProblem(policy, ttlSeconds);

    expect(problem).toContain(`add up to ${totalSeconds} s`);
    expect(problem).toContain(`ttl_seconds (${ttlSeconds})`);
  });
});
