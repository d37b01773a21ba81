/** The worker: which workflows and activities this process runs, and with how many slots. */
import type { DataConverter } from '@temporalio/common';
import { Worker, type NativeConnection, type WorkflowBundleOption } from '@temporalio/worker';
import type { Activities } from '../../activities';

export interface WorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly workflowBundle: WorkflowBundleOption;
  readonly dataConverter?: DataConverter | undefined;
  readonly activities: Activities;
  readonly maxConcurrentActivities: number;
  /** At least as many as there are slots for workflow tasks. */
  readonly maxCachedWorkflows: number;
  /** How long what is in flight may take to end after a shutdown began, in milliseconds. */
  readonly shutdownGraceMs: number;
  /** Left out, Temporal does not tell releases apart, and any worker goes on with any workflow. */
  readonly deployment?: WorkerDeployment | undefined;
}

export interface WorkerDeployment {
  readonly deploymentName: string;
  readonly buildId: string;
}

/** Slots for workflow tasks. A local attempt holds one while it lasts, so there are many. */
const workflowTaskSlots = 200;

/**
 * Half of them ask for first tasks, which every delivery has and which come one by one: with the usual two a server that
 * takes 100 ms to answer would hand out twenty a second.
 */
const workflowTaskPolls = 60;

const forceAfterGraceMs = 1_000;

export function createWorker(options: WorkerOptions): Promise<Worker> {
  return Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: options.taskQueue,
    workflowBundle: options.workflowBundle,
    activities: options.activities,
    ...(options.dataConverter && { dataConverter: options.dataConverter }),
    maxConcurrentWorkflowTaskExecutions: workflowTaskSlots,
    maxCachedWorkflows: options.maxCachedWorkflows,
    maxConcurrentActivityTaskExecutions: options.maxConcurrentActivities,
    maxConcurrentLocalActivityExecutions: workflowTaskSlots,
    workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: workflowTaskPolls },
    nonStickyToStickyPollRatio: 0.5,
    shutdownGraceTime: options.shutdownGraceMs,
    // What has not ended by then is given up here and made again by another worker.
    shutdownForceTime: options.shutdownGraceMs + forceAfterGraceMs,
    ...(options.deployment && {
      // Each workflow says by itself whether it stays with its release (workflows/index.ts).
      workerDeploymentOptions: {
        version: options.deployment,
        useWorkerVersioning: true,
        defaultVersioningBehavior: 'AUTO_UPGRADE' as const,
      },
    }),
  });
}
