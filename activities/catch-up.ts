/** Runs one turn of a webhook's catching up; what it does is src/delivery/catch-up.ts. */
import { Context } from '@temporalio/activity';
import type { CaughtUp, CatchUpLimits } from '../src/delivery/catch-up';
import type { CatchUpInput, CatchUpResult } from '../src/temporal/contracts';

export interface CatchUpActivityDeps {
  catchUp(webhookId: string, limits: CatchUpLimits): Promise<CaughtUp>;
}

/** Short, so that staff see progress, a pause gets through, and a new worker takes over soon. */
const budgetMs = 5_000;

/** A quarter of the heartbeat timeout. Not by pages: one may take long while Postgres or Temporal is slow. */
const heartbeatMs = 5_000;

/** Safe to repeat: how far it has come is in Postgres. @throws the database's error, or Temporal's */
export async function catchUpActivity(deps: CatchUpActivityDeps, input: CatchUpInput): Promise<CatchUpResult> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), heartbeatMs);
  try {
    return toResult(await deps.catchUp(input.webhook_id, { budgetMs, signal: context.cancellationSignal }));
  } finally {
    clearInterval(beat);
  }
}

function toResult({ standing, resumed, cancelled, replay, more }: CaughtUp): CatchUpResult {
  return {
    webhook: standing
      ? {
          state: standing.state,
          state_reason: standing.stateReason,
          deleted: standing.deleted,
          origin: new URL(standing.url).origin,
        }
      : null,
    resumed,
    cancelled,
    replay: replay
      ? { replay_id: replay.replayId, matched: replay.matched, done: replay.done, state: replay.state }
      : null,
    more,
  };
}
