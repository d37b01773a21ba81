/** How much waits in Temporal for a worker. */
import { temporal } from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';

export const taskTypes = ['workflow', 'activity'] as const;

export type TaskType = (typeof taskTypes)[number];

const { TaskQueueType } = temporal.api.enums.v1;

const types: Record<TaskType, temporal.api.enums.v1.TaskQueueType> = {
  workflow: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  activity: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
};

/** A server that is silent must not hold what waits for the answer. */
const timeoutMs = 2_000;

/**
 * @returns how many tasks of this type wait, as the server estimates it
 * @throws the client's error when Temporal does not answer
 */
export async function taskQueueBacklog(
  connection: NativeConnection,
  namespace: string,
  taskQueue: string,
  type: TaskType,
): Promise<number> {
  const { stats } = await connection.withDeadline(Date.now() + timeoutMs, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: types[type],
      reportStats: true,
    }),
  );
  return Number(stats?.approximateBacklogCount ?? 0);
}
