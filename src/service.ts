/** The roles a process plays, api and worker, together or apart, on one context. */
import { join } from 'node:path';
import type { Worker } from '@temporalio/worker';
import { createActivities } from '../activities';
import { buildApp } from './api/app';
import type { App } from './api/http';
import type { Context } from './context';
import { inTime } from './context/in-time';
import { dataConverterOf } from './temporal/data-converter';
import { workflowBundleOf } from './temporal/workflow-bundle';
import { createWorker, type WorkerDeployment } from './temporal/worker';
import { projectFolder } from './version';

export interface Roles {
  readonly api: boolean;
  readonly worker: boolean;
}

export interface ServiceOptions {
  readonly roles: Roles;
  /** Where the bundles of the workflows are: what `npm run build` made, unless a test brings its own. */
  readonly bundleFolder?: string;
}

export interface Service {
  /** Where the API listens; undefined without that role. */
  readonly apiUrl: string | undefined;
  /** Resolves when the worker polls; it waits for Temporal as long as it takes. */
  readonly workerReady: Promise<void>;
  /** Rejects when the worker ends by itself, which it never should. */
  readonly failed: Promise<never>;
  /** Stops accepting, lets what is in flight end, closes the context. */
  stop(): Promise<void>;
}

/** @throws Error when a port cannot be had; the context is closed then */
export async function startService(ctx: Context, options: ServiceOptions): Promise<Service> {
  const { roles, bundleFolder = join(projectFolder, 'dist') } = options;
  const app = roles.api ? await buildApp(ctx) : undefined;
  const worker = roles.worker ? new WorkerRole(ctx, bundleFolder) : undefined;
  let stopping: Promise<void> | undefined;
  const stopOnce = async (): Promise<void> => {
    if (app) await closeApp(app, ctx.config.SHUTDOWN_GRACE_MS);
    // First of all: what is let go on from here on would find its lane closed.
    await inTime(ctx.admission.stop());
    // Attempts that hang are given up before the worker itself would be.
    const giveUp = setTimeout(() => void ctx.sender.close(), ctx.config.SHUTDOWN_GRACE_MS);
    // What comes of attempts under way in the direct lane may be workflows to start.
    await Promise.all([ctx.direct.stop(), worker?.stop()]);
    clearTimeout(giveUp);
    await ctx.outbox.stop();
    await ctx.close();
  };
  const stop = (): Promise<void> => (stopping ??= stopOnce());

  void ctx.temporal.connect();
  if (worker) {
    ctx.outbox.startSweeping();
    for (const sweep of ctx.sweeps) sweep.start();
    ctx.slots.start();
    ctx.direct.start();
    ctx.admission.start();
    ctx.partitions.keepAhead();
  }
  try {
    await app?.listen({ host: ctx.config.HOST, port: ctx.config.PORT });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    apiUrl: app && urlOf(app, ctx.config.HOST),
    workerReady: worker?.ready ?? Promise.resolve(),
    failed: worker?.failed ?? new Promise<never>(() => {}),
    stop,
  };
}

/** Requests under way may end; one that is still being sent after the grace is cut off. */
async function closeApp(app: App, graceMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), Math.min(graceMs, maxRequestGraceMs));
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}

/** Every route answers within moments. */
const maxRequestGraceMs = 2_000;

function urlOf(app: App, host: string): string {
  const [address] = app.addresses();
  const port = typeof address === 'object' ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The Temporal worker from the first connection to the last task. */
class WorkerRole {
  readonly ready: Promise<void>;
  readonly failed: Promise<never>;
  private creating: Promise<Worker> | undefined;
  private worker: Worker | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly ctx: Context,
    private readonly bundleFolder: string,
  ) {
    let fail: (error: unknown) => void = () => {};
    this.failed = new Promise<never>((_, reject) => (fail = reject));
    this.tell(0);
    // Whoever does not look at it must not be ended by it.
    this.failed.catch(() => {});
    this.ready = this.begin().then(() => {
      this.running?.then(
        () => {
          this.tell(0);
          if (!this.stopped) fail(new Error('The Temporal worker ended by itself'));
        },
        (error: unknown) => fail(error),
      );
    });
    this.ready.catch((error: unknown) => fail(error));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.ctx.temporal.eager = false;
    // Creating a worker takes a moment and cannot be called off; connecting can, so it is not waited for.
    await this.creating?.catch(() => {});
    if (this.worker?.getState() === 'RUNNING') this.worker.shutdown();
    await this.running?.catch(() => {});
  }

  private tell(status: 0 | 1): void {
    const { config, telemetry } = this.ctx;
    telemetry.metrics.workerStatus.set({ task_queue: config.TEMPORAL_TASK_QUEUE }, status);
  }

  private async begin(): Promise<void> {
    const { config, temporal, control, telemetry } = this.ctx;
    const connection = await temporal.connect();
    if (!connection || this.stopped) return;
    const dataConverter = dataConverterOf(config);
    this.creating = createWorker({
      connection,
      namespace: config.TEMPORAL_NAMESPACE,
      taskQueue: config.TEMPORAL_TASK_QUEUE,
      workflowBundle: workflowBundleOf(config, this.bundleFolder),
      dataConverter,
      activities: createActivities(this.ctx),
      maxConcurrentActivities: config.WORKER_MAX_CONCURRENT_ACTIVITIES,
      maxCachedWorkflows: config.WORKER_MAX_CACHED_WORKFLOWS,
      shutdownGraceMs: config.SHUTDOWN_GRACE_MS,
      deployment: deploymentOf(config),
    });
    this.worker = await this.creating;
    if (this.stopped) return;
    this.running = this.worker.run();
    this.tell(1);
    temporal.eager = true;
    control.heal().catch((error: unknown) => telemetry.log.warn({ event: 'control.heal_failed', err: error }));
    // Everything else works without it, so that a server that forbids schedules is no reason to stop.
    temporal
      .ensureRetention()
      .catch((error: unknown) => telemetry.log.warn({ event: 'retention.schedule_failed', err: error }));
  }
}

/** The configuration has both or neither. */
function deploymentOf({
  WORKER_DEPLOYMENT_NAME: deploymentName,
  WORKER_BUILD_ID: buildId,
}: Context['config']): WorkerDeployment | undefined {
  return deploymentName === undefined || buildId === undefined ? undefined : { deploymentName, buildId };
}
