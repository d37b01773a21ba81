/**
 * Committed deliveries on their way to Temporal. What this process accepted it starts right after the
 * commit; what it cannot start keeps its claim until that lapses, and then the sweep of any process
 * starts it. So the queue in memory may be lost, or be full, and nothing is lost with it.
 */
import type { ClaimedDelivery, Claims } from '../store/claims';
import type { Claim } from '../store/events';
import { claimsTakenOver, workflowStarted, workflowStartFailed, type Telemetry } from '../telemetry/events';
import type { DeliveryStart } from '../temporal/client';
import { toDeliveryStart } from './delivery-start';

export interface OutboxOptions {
  readonly telemetry: Telemetry;
  readonly claims: Claims;
  /** Starts one workflow; `exists` means that it was started before. */
  readonly start: (start: DeliveryStart) => Promise<'eager' | 'queued' | 'exists'>;
  /** This process's claim on what it takes. */
  readonly claim: Claim;
  /** Starts under way at one time. */
  readonly concurrency: number;
  readonly sweepIntervalMs: number;
  /** Deliveries kept in memory; those beyond wait in Postgres for the sweep. */
  readonly maxQueued?: number;
}

/** Deliveries taken over by one statement of the sweep. */
const sweepBatch = 200;

export class Outbox {
  private readonly queue: Queued[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: OutboxOptions) {}

  get claim(): Claim {
    return this.options.claim;
  }

  /** Takes what this process has just committed, claimed by it. Never waits and never throws. */
  handOver(deliveries: readonly ClaimedDelivery[]): void {
    const room = Math.max(0, (this.options.maxQueued ?? 10_000) - this.queue.length);
    for (const delivery of deliveries.slice(0, room)) void this.enqueue(delivery);
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

  /** Ends what is under way; what is still queued is left to the sweep of another process or the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    for (const { done } of this.queue.splice(0)) done(false);
    await Promise.all([this.sweeping, ...this.underWay]);
  }

  private async takeOverAll(): Promise<void> {
    const { claims, claim, telemetry } = this.options;
    await claims.alone(async () => {
      while (!this.stopped) {
        const taken = await claims.takeOver(claim, sweepBatch);
        if (taken.length === 0) return;
        claimsTakenOver(telemetry, { count: taken.length });
        const started = await Promise.all(taken.map((delivery) => this.enqueue(delivery)));
        // With Temporal away the rest can wait for the next sweep as well as these.
        if (!started.includes(true)) return;
      }
    });
  }

  /** @returns whether its workflow runs now */
  private enqueue(delivery: ClaimedDelivery): Promise<boolean> {
    return new Promise((done) => {
      if (this.stopped) return done(false);
      this.queue.push({ delivery, done });
      this.startNext();
    });
  }

  private startNext(): void {
    while (this.underWay.size < this.options.concurrency) {
      const next = this.queue.shift();
      if (!next) break;
      const start = this.startOne(next.delivery).then((started) => {
        this.underWay.delete(start);
        next.done(started);
        this.startNext();
      });
      this.underWay.add(start);
    }
    this.options.telemetry.metrics.startBacklog.set(this.queue.length);
  }

  private async startOne(delivery: ClaimedDelivery): Promise<boolean> {
    const { telemetry, start, claims } = this.options;
    try {
      const result = await start(toDeliveryStart(delivery));
      // Its run is alive and has recorded nothing yet; without this the sweep would come back for it.
      if (result === 'exists') await claims.settle([delivery.id]);
      workflowStarted(telemetry, { result });
      return true;
    } catch (error) {
      workflowStartFailed(telemetry, { delivery_id: delivery.id, error });
      return false;
    }
  }
}

interface Queued {
  readonly delivery: ClaimedDelivery;
  readonly done: (started: boolean) => void;
}
