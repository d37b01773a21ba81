/** Runs one attempt for a workflow; the attempt itself is src/delivery/attempt.ts, which both lanes share. */
import { Context } from '@temporalio/activity';
import type { AttemptInput, AttemptResult } from '../src/temporal/contracts';

/** Only what this activity needs, so that a test can pass plain functions. */
export interface AttemptActivityDeps {
  attempt(input: AttemptInput): Promise<AttemptResult>;
}

/** A third of the heartbeat timeout, so that two lost heartbeats do no harm. */
const heartbeatMs = 5_000;

/**
 * @returns what came of it; an HTTP failure is a value, not a throw
 * @throws whatever kept the attempt from being made or recorded; Temporal tries the call again, and a
 * recorded attempt is not sent a second time
 */
export async function attemptActivity(deps: AttemptActivityDeps, input: AttemptInput): Promise<AttemptResult> {
  const beat = setInterval(() => Context.current().heartbeat(), heartbeatMs);
  try {
    return await deps.attempt(input);
  } finally {
    clearInterval(beat);
  }
}
