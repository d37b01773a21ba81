/** How much waits in Temporal for a worker. */
import { temporal } from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';

export interface TaskQueueBacklog {
  readonly type: 'workflow' | 'activity';
  /** As the server estimates it. */
  readonly tasks: number;
}

const { TaskQueueType } = temporal.api.enums.v1;

const types = {
  workflow: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  activity: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
};

/** A server that is silent must not hold what waits for the answer. */
const timeoutMs = 2_000;

/** @throws the client's error when Temporal does not answer */
export async function taskQueueBacklog(
  connection: NativeConnection,
  namespace: string,
  taskQueue: string,
): Promise<TaskQueueBacklog[]> {
  const ask = async (type: TaskQueueBacklog['type']): Promise<TaskQueueBacklog> => {
    const { stats } = await connection.withDeadline(Date.now() + timeoutMs, () =>
      connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: types[type],
        reportStats: true,
      }),
    );
    return { type, tasks: Number(stats?.approximateBacklogCount ?? 0) };
  };
  return Promise.all([ask('workflow'), ask('activity')]);
}
