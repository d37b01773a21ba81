/**
 * Whether what this process depends on answers. Probes come from several sides every few seconds, so an
 * answer is kept for a while and asked for once at a time.
 */
import type { Logger } from './telemetry/logger';

export type CheckName = 'database' | 'temporal' | 'kms';
export type CheckResult = 'ok' | 'down';
export type CheckResults = Record<CheckName, CheckResult>;
export type Checks = Record<CheckName, () => Promise<void>>;

/** A check that takes longer is `down`. */
const checkTimeoutMs = 2_000;
const freshMs = 2_000;

export interface Health {
  /** Never rejects, and takes 2 s at most. */
  check(): Promise<CheckResults>;
  /** What was found last, at once; a probe of life must not wait for what is down. */
  last(): Promise<CheckResults>;
}

export function createHealth(checks: Checks, log: Logger): Health {
  let known: { results: CheckResults; untilMs: number } | undefined;
  let asking: Promise<CheckResults> | undefined;

  const ask = async (name: CheckName): Promise<CheckResult> => {
    try {
      await inTime(checks[name]());
      return 'ok';
    } catch (error) {
      log.warn({ event: 'health.check_failed', check: name, err: error });
      return 'down';
    }
  };
  const askAll = async (): Promise<CheckResults> => {
    const [database, temporal, kms] = await Promise.all([ask('database'), ask('temporal'), ask('kms')]);
    const results = { database, temporal, kms };
    known = { results, untilMs: Date.now() + freshMs };
    asking = undefined;
    return results;
  };
  const check = async (): Promise<CheckResults> => {
    if (known && Date.now() < known.untilMs) return known.results;
    return (asking ??= askAll());
  };
  return {
    check,
    async last() {
      const current = check();
      return known ? known.results : current;
    },
  };
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${checkTimeoutMs} ms`)), checkTimeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
