/** Whether what this process depends on answers. Asked by probes, so each question is bounded in time. */
import type { Logger } from './telemetry/logger';

export type CheckName = 'database' | 'temporal' | 'kms';
export type CheckResult = 'ok' | 'down';
export type Checks = Record<CheckName, () => Promise<void>>;

const checkTimeoutMs = 2_000;

export interface Health {
  /** Never rejects; a check that fails or takes longer than 2 s is `down`. */
  check(): Promise<Record<CheckName, CheckResult>>;
}

export function createHealth(checks: Checks, log: Logger): Health {
  const ask = async (name: CheckName): Promise<CheckResult> => {
    try {
      await inTime(checks[name]());
      return 'ok';
    } catch (error) {
      log.warn({ event: 'health.check_failed', check: name, err: error });
      return 'down';
    }
  };
  return {
    async check() {
      const [database, temporal, kms] = await Promise.all([ask('database'), ask('temporal'), ask('kms')]);
      return { database, temporal, kms };
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
