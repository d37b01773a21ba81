/** Runs one step of retention for a while; what it removes is src/store/retention.ts. */
import { Context } from '@temporalio/activity';
import type { Retention } from '../src/store/retention';
import { retentionRemoved, type Telemetry } from '../src/telemetry/events';
import type { RemoveInput, RemoveResult, RetentionStep } from '../src/temporal/contracts';

export interface RemoveDeps {
  telemetry: Telemetry;
  retention: Retention;
}

/** After this long the rest is left to the next call, so that staff see how far it is. */
const budgetMs = 20_000;

/** Safe to repeat, also at the same time: what is removed is not there any more. @throws the database's error */
export async function remove(deps: RemoveDeps, step: RetentionStep, input: RemoveInput): Promise<RemoveResult> {
  const context = Context.current();
  const giveUpAt = performance.now() + budgetMs;
  let { position } = input;
  let removed = 0;
  do {
    const page = await deps.retention[step](position);
    position = page.position;
    removed += page.removed;
    context.heartbeat();
  } while (position !== null && performance.now() < giveUpAt && !context.cancellationSignal.aborted);
  retentionRemoved(deps.telemetry, { what: step, removed });
  return { removed, position };
}
