/**
 * The first attempts of deliveries in the direct lane, made by a process with the role worker straight after
 * the commit. A success is all there is to such a delivery; whatever else comes of it a workflow owns from
 * there on. What is not got to in time keeps its claim, and when that lapses the sweep starts its workflow.
 */
import { directAttempt } from '../domain/direct-attempt';
import type { AttemptCall } from '../delivery/attempt';
import type { ClaimedDelivery } from '../store/claims';
import type { DirectClaims } from '../store/direct-claims';
import type { Claim } from '../store/events';
import { directAttemptFailed, type Telemetry } from '../telemetry/events';
import { untraced } from '../telemetry/spans';
import type { AttemptResult } from '../temporal/contracts';
import { toPolicy } from './delivery-start';
import { FairQueue } from './fair-queue';

export interface DirectLaneOptions {
  readonly telemetry: Telemetry;
  readonly attempt: (call: AttemptCall) => Promise<AttemptResult>;
  /** Where deliveries go that need a workflow. */
  readonly outbox: { handOver(deliveries: readonly ClaimedDelivery[]): void };
  readonly claims: DirectClaims;
  /** This process's claim. */
  readonly claim: Claim;
  /** Attempts under way at one time. */
  readonly concurrency: number;
  /** Deliveries kept in memory; those beyond wait in Postgres to be admitted. */
  readonly maxQueued?: number;
}

interface Queued {
  readonly delivery: ClaimedDelivery;
  /** After this its claim might lapse under the attempt. */
  readonly startBy: number;
}

const defaultMaxQueued = 10_000;

/** Deliveries taken at one time of those that other processes have accepted. */
const takeLimit = 500;

export class DirectLane {
  private readonly queue: FairQueue<Queued>;
  private readonly underWay = new Set<Promise<void>>();
  private readonly writing = new Set<Promise<void>>();
  private taking: Promise<void> | undefined;
  private telling: NodeJS.Timeout | undefined;
  private state: 'absent' | 'running' | 'stopped' = 'absent';

  constructor(private readonly options: DirectLaneOptions) {
    this.queue = new FairQueue(options.maxQueued ?? defaultMaxQueued);
  }

  /** From now on this process makes attempts, also of what other processes accept. */
  start(): void {
    this.state = 'running';
    this.options.claims.listen(() => this.takeOffered());
  }

  /** Lets attempts under way end and gives back what waits. */
  async stop(): Promise<void> {
    this.state = 'stopped';
    clearTimeout(this.telling);
    await this.options.claims.close();
    await this.taking;
    const left = this.queue.drain().map(({ delivery }) => delivery.id);
    if (left.length > 0) this.write(this.options.claims.offer(left), 'direct.offer_failed');
    await Promise.all([...this.underWay, ...this.writing]);
  }

  /**
   * Whose a delivery is from its commit on: this process's, for as long as an attempt may take, or that of
   * whichever worker takes it first.
   */
  claimFor(timeoutMs: number): Claim {
    const { by, forMs } = this.options.claim;
    return this.state === 'running' ? { by, forMs: forMs + timeoutMs } : { by: this.options.claims.offered, forMs };
  }

  /** Takes what was just committed with that claim. Never waits and never throws. */
  handOver(deliveries: readonly ClaimedDelivery[]): void {
    if (deliveries.length === 0) return;
    if (this.state !== 'running') return this.tellSoon();
    const startBy = performance.now() + this.options.claim.forMs / 2;
    const beyond: string[] = [];
    for (const delivery of deliveries) {
      const { id, tenantId, webhookId } = delivery;
      if (this.queue.hasRoomFor(tenantId)) this.queue.push(tenantId, webhookId, { delivery, startBy });
      else beyond.push(id);
    }
    this.startNext();
    this.putOff(beyond);
  }

  private putOff(deliveryIds: readonly string[]): void {
    if (deliveryIds.length > 0) this.write(this.options.claims.putOff(deliveryIds), 'direct.put_off_failed');
  }

  private startNext(): void {
    while (this.underWay.size < this.options.concurrency) {
      const turn = this.queue.next();
      if (!turn) break;
      const attempt = untraced(() => this.makeInTime(turn.item)).then((result) => {
        this.underWay.delete(attempt);
        // It waits in Postgres, and whatever is younger waits behind it.
        if (result?.outcome === 'busy') this.putOff(turn.crowded().map(({ delivery }) => delivery.id));
        turn.end();
        this.startNext();
      });
      this.underWay.add(attempt);
    }
    this.options.telemetry.metrics.directBacklog.set(this.queue.size);
  }

  private async makeInTime({ delivery, startBy }: Queued): Promise<AttemptResult | undefined> {
    if (performance.now() > startBy) return undefined;
    try {
      const result = await this.options.attempt(callOf(delivery));
      if (needsWorkflow(result)) this.options.outbox.handOver([delivery]);
      return result;
    } catch (error) {
      // KMS or Postgres is away. Its workflow tries for as long as the delivery has time.
      directAttemptFailed(this.options.telemetry, delivery.id, error);
      this.options.outbox.handOver([delivery]);
      return undefined;
    }
  }

  /** Everything committed within these milliseconds is told by one notification. */
  private tellSoon(): void {
    if (this.state === 'stopped') return;
    this.telling ??= setTimeout(() => {
      this.telling = undefined;
      this.write(this.options.claims.tell(), 'direct.tell_failed');
    }, tellMs);
  }

  private takeOffered(): void {
    this.taking ??= this.takeAll()
      .catch((error: unknown) => this.options.telemetry.log.warn({ event: 'direct.take_failed', err: error }))
      .finally(() => (this.taking = undefined));
  }

  private async takeAll(): Promise<void> {
    const { claims, claim } = this.options;
    for (;;) {
      const { room } = this.queue;
      if (this.state !== 'running' || room === 0) return;
      const taken = await claims.take(claim, Math.min(takeLimit, room));
      if (taken.length === 0) return;
      this.handOver(taken);
    }
  }

  /** What cannot be written keeps the claim it has, which lapses. */
  private write(work: Promise<void>, event: string): void {
    const written = work
      .catch((error: unknown) => this.options.telemetry.log.warn({ event, err: error }))
      .finally(() => this.writing.delete(written));
    this.writing.add(written);
  }
}

const tellMs = 5;

/** Parked and busy ones wait in Postgres, to be admitted. */
function needsWorkflow({ outcome }: AttemptResult): boolean {
  return outcome === 'retry' || outcome === 'permanent' || outcome === 'cancelled';
}

function callOf(delivery: ClaimedDelivery): AttemptCall {
  return {
    delivery_id: delivery.id,
    tenant_id: delivery.tenantId,
    webhook_id: delivery.webhookId,
    run_id: null,
    try: 1,
    at: new Date().toISOString(),
    trigger: 'initial',
    policy: toPolicy(delivery),
    started_replay_no: 0,
    ...directAttempt(delivery.id),
  };
}
