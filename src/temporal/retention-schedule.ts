/** The schedule that starts the maintenance workflow. Healed by every worker; staff may pause it. */
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import { maintenanceType } from './contracts';

export const retentionScheduleId = 'everhook-retention';

const timeoutMs = 5_000;

/** @throws the client's error when Temporal does not answer, or forbids schedules */
export async function ensureRetentionSchedule(client: Client, taskQueue: string): Promise<void> {
  const schedule = {
    spec: { intervals: [{ every: '1 hour' }] },
    // One that takes longer than an hour is not run beside itself; the next one goes on.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    action: {
      type: 'startWorkflow' as const,
      workflowType: maintenanceType,
      workflowId: retentionScheduleId,
      taskQueue,
      staticSummary: 'Removes what is older than it is kept',
      staticDetails:
        'Ended deliveries with their attempts, events and replays older than `RETENTION_DAYS`, audit rows older than ' +
        '`AUDIT_RETENTION_DAYS`. Safe to terminate and to trigger by hand; nothing open is removed.',
    },
  } satisfies Omit<ScheduleOptions, 'scheduleId'>;
  await client.withDeadline(Date.now() + timeoutMs, async () => {
    try {
      await client.schedule.create({
        ...schedule,
        scheduleId: retentionScheduleId,
        state: { note: 'Retention of Everhook, every hour. Pause it to keep everything for now.' },
      });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      // Whether it is paused, and why, is what staff have said.
      const handle = client.schedule.getHandle(retentionScheduleId);
      await handle.update(({ state }) => ({ ...schedule, state }));
    }
  });
}
