/** Runs one turn of a webhook's catching up; what it does is src/delivery/catch-up.ts. */
import { Context } from '@temporalio/activity';
import type { CaughtUp, CatchUpLimits } from '../src/delivery/catch-up';
import type { CatchUpInput, CatchUpResult } from '../src/temporal/contracts';

export interface CatchUpActivityDeps {
  catchUp(webhookId: string, limits: CatchUpLimits): Promise<CaughtUp>;
}

/** Short, so that staff see progress, a pause gets through, and a new worker takes over soon. */
const budgetMs = 5_000;

/** Safe to repeat: how far it has come is in Postgres. @throws the database's error, or Temporal's */
export async function catchUpActivity(deps: CatchUpActivityDeps, input: CatchUpInput): Promise<CatchUpResult> {
  const { cancellationSignal } = Context.current();
  const { standing, resumed, cancelled, replay, more } = await deps.catchUp(input.webhook_id, {
    budgetMs,
    signal: cancellationSignal,
    onPage: () => Context.current().heartbeat(),
  });
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
