/**
 * Committed deliveries on their way to Temporal. What this process accepted it starts right after the
 * commit; what it cannot start keeps its claim until that lapses, and then the sweep of any process
 * starts it. So the queue in memory may be lost, or be full, and nothing is lost with it. The sweep also
 * starts what should have gone on by now, in case Temporal has lost it.
 */
import { SpanKind } from '@opentelemetry/api';
import { deliveryWorkflowId } from '../domain/ids';
import type { ClaimedDelivery, Claims } from '../store/claims';
import type { DeliveryEnds } from '../store/delivery-ends';
import type { Claim } from '../store/events';
import { claimsTakenOver, deliveryEnded, StartTelemetry, type Telemetry } from '../telemetry/events';
import { traced } from '../telemetry/spans';
import type { DeliveryStart, StartResult } from '../temporal/client';
import { toDeliveryStart } from './delivery-start';
import { FairQueue } from './fair-queue';
import { TaskBacklog } from './task-backlog';

export interface OutboxOptions {
  readonly telemetry: Telemetry;
  readonly claims: Pick<Claims, 'takeOver' | 'takeOverdue' | 'isOpen' | 'markStarted' | 'release'>;
  readonly deliveryEnds: Pick<DeliveryEnds, 'record'>;
  /** Starts one workflow. */
  readonly start: (start: DeliveryStart) => Promise<StartResult>;
  /** Tasks of workflows that wait in Temporal for a worker. */
  readonly taskBacklog: () => Promise<number>;
  /** Asks a delivery's workflow to look at its delivery again instead of waiting. */
  readonly wake: (deliveryId: string) => Promise<unknown>;
  /** This process's claim on what it takes. */
  readonly claim: Claim;
  /** Starts under way at one time. */
  readonly concurrency: number;
  readonly sweepIntervalMs: number;
  /** Deliveries kept in memory; those beyond wait in Postgres for the sweep. */
  readonly maxQueued?: number;
}

/** Deliveries taken over by one statement of the sweep. */
const sweepBatch = 100;

/** Tasks that may wait in Temporal: enough to keep workers busy until it is asked again. */
const maxTaskBacklog = 50;

/** About what a process can start before the claims on it lapse. */
const defaultMaxQueued = 4_000;

/**
 * Pauses, in milliseconds, after which the start of a replay is tried again while the run before it has
 * not closed; after the last one the claim lapses, and the sweep goes on. A run closes within moments of
 * recording its end.
 */
const earlierRunPausesMs = [50, 100, 200, 400, 800, 1600];

/** By now the run before is not closing but waits, for a retry that is no longer wanted: it is woken. */
const wakeAtPause = 3;

export class Outbox {
  private readonly queue: FairQueue<Queued>;
  private readonly waiting = new Map<NodeJS.Timeout, ClaimedDelivery>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly starts: StartTelemetry;
  private readonly taskBacklog: TaskBacklog;
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: OutboxOptions) {
    this.queue = new FairQueue(options.maxQueued ?? defaultMaxQueued);
    this.starts = new StartTelemetry(options.telemetry);
    this.taskBacklog = new TaskBacklog(options.taskBacklog, maxTaskBacklog);
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  get claim(): Claim {
    return this.options.claim;
  }

  /** Takes what this process has just committed, claimed by it. Never waits and never throws. */
  handOver(deliveries: readonly ClaimedDelivery[]): void {
    for (const delivery of deliveries) {
      if (this.queue.hasRoomFor(delivery.tenantId)) void this.enqueue(delivery);
    }
  }

  startSweeping(): void {
    this.timer = setInterval(() => void this.sweep(), this.options.sweepIntervalMs);
    void this.sweep();
  }

  /** Takes over lapsed claims until there are none, unless another process is at it. */
  sweep(): Promise<void> {
    this.sweeping ??= this.takeOverAll()
      .catch((error: unknown) => this.options.telemetry.log.error({ event: 'outbox.sweep_failed', err: error }))
      .finally(() => (this.sweeping = undefined));
    return this.sweeping;
  }

  /** Ends what is under way and gives back what is still queued. */
  stop(): Promise<void> {
    this.stopping ??= this.stopOnce();
    return this.stopping;
  }

  private async stopOnce(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    const left = this.queue.drain();
    for (const { done } of left) done(false);
    const deliveries = [...left.map(({ delivery }) => delivery), ...this.stopWaiting()];
    await Promise.all([this.sweeping, this.giveBack(deliveries.map(({ id }) => id)), ...this.underWay]);
  }

  private stopWaiting(): ClaimedDelivery[] {
    const deliveries = [...this.waiting.values()];
    for (const timer of this.waiting.keys()) clearTimeout(timer);
    this.waiting.clear();
    return deliveries;
  }

  private async giveBack(deliveryIds: readonly string[]): Promise<void> {
    if (deliveryIds.length === 0) return;
    const { claims, claim, telemetry } = this.options;
    await claims.release(claim, deliveryIds).catch((error: unknown) => {
      telemetry.log.warn({ event: 'outbox.release_failed', count: deliveryIds.length, err: error });
    });
  }

  private async takeOverAll(): Promise<void> {
    const { claims, claim } = this.options;
    await this.takeOverBy((limit) => claims.takeOver(claim, limit));
    await this.takeOverBy((limit) => claims.takeOverdue(claim, limit));
  }

  private async takeOverBy(take: (limit: number) => Promise<ClaimedDelivery[]>): Promise<void> {
    const { telemetry } = this.options;
    while (!this.stopped) {
      const taken = await take(sweepBatch);
      if (taken.length === 0) return;
      if (this.stopped) return this.giveBack(taken.map(({ id }) => id));
      claimsTakenOver(telemetry, { count: taken.length });
      // With Temporal away the rest can wait for the next sweep as well as these.
      if (!(await this.startAll(taken))) return;
    }
  }

  /** Starts what this process has claimed. @returns whether Temporal has answered for any of them */
  async startAll(deliveries: readonly ClaimedDelivery[]): Promise<boolean> {
    const started = await Promise.all(deliveries.map((delivery) => this.enqueue(delivery)));
    return started.includes(true);
  }

  /** @returns whether Temporal has answered for it */
  private enqueue(delivery: ClaimedDelivery, waited = 0): Promise<boolean> {
    return new Promise((done) => {
      if (this.stopped) return done(false);
      const startBy = performance.now() + this.options.claim.forMs;
      this.queue.push(delivery.tenantId, delivery.webhookId, { delivery, waited, startBy, done });
      this.startNext();
    });
  }

  private startNext(): void {
    while (this.queue.size > 0 && this.underWay.size < this.options.concurrency) {
      if (this.taskBacklog.isFull) {
        void this.taskBacklog.ask().then(() => this.startNext());
        break;
      }
      if (!this.taskBacklog.hasRoomBesides(this.underWay.size)) break;
      const turn = this.queue.next();
      if (!turn) break;
      const start = this.startOne(turn.item).then((started) => {
        this.underWay.delete(start);
        turn.end();
        turn.item.done(started);
        this.startNext();
      });
      this.underWay.add(start);
    }
    this.options.telemetry.metrics.startBacklog.set(this.queue.size);
  }

  private async startOne({ delivery, waited, startBy }: Queued): Promise<boolean> {
    // Its claim has lapsed, so that it may be another's by now.
    if (performance.now() > startBy) return false;
    try {
      const result = await this.start(delivery);
      this.starts.succeeded(result);
      if (result === 'eager' || result === 'queued') this.taskBacklog.started(result);
      if (result === 'earlier') this.tryAgainSoon(delivery, waited);
      else await this.recordWhatWasFound(delivery, result);
      return true;
    } catch (error) {
      this.starts.failed(delivery.id, error);
      return false;
    }
  }

  private start(delivery: ClaimedDelivery): Promise<StartResult> {
    const { id, traceparent } = delivery;
    const attributes = () => ({ 'everhook.delivery_id': id, 'temporal.workflow_id': deliveryWorkflowId(id) });
    return traced(
      'StartWorkflow:delivery',
      { kind: SpanKind.CLIENT, parent: traceparent ?? null, attributes },
      async (span) => {
        const result = await this.options.start(toDeliveryStart(delivery));
        span.setAttribute('everhook.start', result);
        return result;
      },
    );
  }

  /** Holds no place among the starts under way meanwhile. */
  private tryAgainSoon(delivery: ClaimedDelivery, waited: number): void {
    const pauseMs = earlierRunPausesMs[waited];
    if (pauseMs === undefined || this.stopped) return;
    const timer = setTimeout(() => {
      this.waiting.delete(timer);
      void this.enqueue(delivery, waited + 1);
    }, pauseMs);
    this.waiting.set(timer, delivery);
    if (waited !== wakeAtPause) return;
    this.options.wake(delivery.id).catch((error: unknown) => {
      this.options.telemetry.log.debug({ event: 'outbox.wake_failed', delivery_id: delivery.id, err: error });
    });
  }

  private async recordWhatWasFound(delivery: ClaimedDelivery, result: StartResult): Promise<void> {
    try {
      const { claims, claim } = this.options;
      // The sweep must not take a replay that ran and was terminated for one that was never started.
      if (result === 'finished') await this.startAnew(delivery);
      else if (result === 'closed') await this.recordTermination(delivery);
      else if (result === 'running' || delivery.replayNo > 0) {
        await claims.markStarted(claim, delivery.id, delivery.replayNo);
      }
    } catch (error) {
      // The claim lapses, and the sweep finds the same again.
      this.options.telemetry.log.warn({ event: 'outbox.record_failed', delivery_id: delivery.id, err: error });
    }
  }

  /**
   * Its run records its end before it closes. Where the row knows of none it was read before that, or the database
   * was restored to an earlier time than Temporal's.
   */
  private async startAnew(delivery: ClaimedDelivery): Promise<void> {
    const { claims, start } = this.options;
    if (!(await claims.isOpen(delivery.id, delivery.replayNo))) return;
    this.starts.succeeded(await start({ ...toDeliveryStart(delivery), opensReplay: true }));
  }

  /** Every run that ends by itself records its end first, so somebody has ended this one in Temporal. */
  private async recordTermination(delivery: ClaimedDelivery): Promise<void> {
    const { deliveryEnds, telemetry } = this.options;
    const ended = await deliveryEnds.record(delivery.id, null, 'TERMINATED', delivery.replayNo);
    if (!ended.changed) return;
    deliveryEnded(telemetry, {
      delivery_id: delivery.id,
      tenant_id: delivery.tenantId,
      webhook_id: delivery.webhookId,
      reason: 'TERMINATED',
      attempts: ended.attempts,
    });
  }
}

interface Queued {
  readonly delivery: ClaimedDelivery;
  /** Pauses made for the run of an earlier replay. */
  readonly waited: number;
  /** By the clock of this process, in milliseconds; its claim lapses then. */
  readonly startBy: number;
  readonly done: (started: boolean) => void;
}
