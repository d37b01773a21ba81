/** The worker: which workflows and activities this process runs, and with how many slots. */
import { Worker, type NativeConnection } from '@temporalio/worker';
import type { Activities } from '../../activities';

export interface WorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  /** The prebuilt bundle. */
  readonly workflowBundle: { readonly codePath: string };
  readonly activities: Activities;
  readonly maxConcurrentActivities: number;
  /** How long what is in flight may take to end after a shutdown began, in milliseconds. */
  readonly shutdownGraceMs: number;
}

/** Slots for workflow tasks. A local attempt holds one while it lasts, so there are many. */
const workflowTaskSlots = 200;

const forceAfterGraceMs = 1_000;

export function createWorker(options: WorkerOptions): Promise<Worker> {
  return Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    workflowBundle: options.workflowBundle,
    activities: options.activities,
    maxConcurrentWorkflowTaskExecutions: workflowTaskSlots,
    maxCachedWorkflows: 2_000,
    maxConcurrentActivityTaskExecutions: options.maxConcurrentActivities,
    maxConcurrentLocalActivityExecutions: workflowTaskSlots,
    shutdownGraceTime: options.shutdownGraceMs,
    // What has not ended by then is given up here and made again by another worker.
    shutdownForceTime: options.shutdownGraceMs + forceAfterGraceMs,
  });
}
