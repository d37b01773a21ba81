/**
 * Retention: removes what is older than it is kept, step by step. A step that fails keeps none of the others
 * back; what is left over is the next run's.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  defineQuery,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import {
  retentionSteps,
  type MaintenanceLine,
  type MaintenanceStatus,
  type RemoveInput,
  type RemoveResult,
  type RetentionStep,
} from '../src/temporal/contracts';
import { renderMaintenanceDetails } from './maintenance-details';

export const maintenanceStatusQuery = defineQuery<MaintenanceStatus>('status');

const activities = proxyActivities<Activities>({
  startToCloseTimeout: '3 minutes',
  heartbeatTimeout: '1 minute',
  // Not for ever: other steps wait.
  scheduleToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

const removers: Record<RetentionStep, (input: RemoveInput) => Promise<RemoveResult>> = {
  deliveries: activities.removeDeliveries,
  partitions: activities.dropAttemptPartitions,
  attempts: activities.removeAttempts,
  events: activities.removeEvents,
  replays: activities.removeReplays,
  auditLogs: activities.removeAuditLogs,
};

/**
 * @param carried what the run before this one has done; absent in the first
 * @throws ApplicationFailure of type `RetentionIncomplete` when a step failed, after all of them had their turn
 */
export async function maintenance(carried?: MaintenanceStatus): Promise<MaintenanceStatus> {
  const status = carried ?? untouched();
  setHandler(maintenanceStatusQuery, () => status, { description: 'What was removed so far.' });

  for (const step of retentionSteps) {
    const line = status[step];
    if (line.state === 'waiting') line.state = 'running';
    while (line.state === 'running') {
      setCurrentDetails(renderMaintenanceDetails(status));
      await advance(step, line);
      if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof maintenance>(status);
    }
  }
  setCurrentDetails(renderMaintenanceDetails(status));

  const failed = retentionSteps.filter((step) => status[step].state === 'failed');
  if (failed.length === 0) return status;
  throw ApplicationFailure.nonRetryable(`Not done: ${failed.join(', ')}`, 'RetentionIncomplete', status);
}

async function advance(step: RetentionStep, line: MaintenanceLine): Promise<void> {
  try {
    const { removed, position } = await removers[step]({ position: line.position });
    line.removed += removed;
    line.position = position;
    if (position === null) line.state = 'done';
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    line.state = 'failed';
  }
}

function untouched(): MaintenanceStatus {
  const line = (): MaintenanceLine => ({ state: 'waiting', removed: 0, position: null });
  return {
    deliveries: line(),
    partitions: line(),
    attempts: line(),
    events: line(),
    replays: line(),
    auditLogs: line(),
  };
}
