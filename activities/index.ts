/** Everything a worker can run, bound to its dependencies. */
import type {
  AttemptInput,
  CatchUpInput,
  ChangeStateInput,
  EndInput,
  RemoveInput,
  ReplayManyInput,
} from '../src/temporal/contracts';
import { attemptActivity, type AttemptActivityDeps } from './attempt';
import { catchUpActivity, type CatchUpActivityDeps } from './catch-up';
import { changeState, type ChangeStateDeps } from './change-state';
import { endDelivery, type EndDeps } from './end-delivery';
import { remove, type RemoveDeps } from './remove';
import { replayMany, type ReplayManyDeps } from './replay-many';

type Deps = AttemptActivityDeps & EndDeps & CatchUpActivityDeps & ChangeStateDeps & ReplayManyDeps & RemoveDeps;

export function createActivities(deps: Deps) {
  return {
    attempt: (input: AttemptInput) => attemptActivity(deps, input),
    endDelivery: (input: EndInput) => endDelivery(deps, input),
    catchUp: (input: CatchUpInput) => catchUpActivity(deps, input),
    changeState: (input: ChangeStateInput) => changeState(deps, input),
    replayMany: (input: ReplayManyInput) => replayMany(deps, input),
    removeDeliveries: (input: RemoveInput) => remove(deps, 'deliveries', input),
    dropAttemptPartitions: (input: RemoveInput) => remove(deps, 'partitions', input),
    removeAttempts: (input: RemoveInput) => remove(deps, 'attempts', input),
    removeEvents: (input: RemoveInput) => remove(deps, 'events', input),
    removeReplays: (input: RemoveInput) => remove(deps, 'replays', input),
    removeAuditLogs: (input: RemoveInput) => remove(deps, 'auditLogs', input),
  };
}

export type Activities = ReturnType<typeof createActivities>;
