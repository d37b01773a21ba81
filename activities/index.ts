/** Everything a worker can run, bound to its dependencies. */
import type { AttemptInput, EndInput } from '../src/temporal/contracts';
import { attemptActivity, type AttemptActivityDeps } from './attempt';
import { endDelivery, type EndDeps } from './end-delivery';

export function createActivities(deps: AttemptActivityDeps & EndDeps) {
  return {
    attempt: (input: AttemptInput) => attemptActivity(deps, input),
    endDelivery: (input: EndInput) => endDelivery(deps, input),
  };
}

export type Activities = ReturnType<typeof createActivities>;
