/**
 * Lets deliveries go on that found no slot, as slots become free: those that have a workflow are told, those
 * that have none are started. What is admitted and finds no slot after all waits again, so that an estimate
 * will do. Several workers may admit for one webhook; each admits for the slots that it can have.
 */
import { isTerminal } from '../domain/delivery-state';
import type { SlotPlace } from '../delivery/slots';
import type { CrowdedWebhook, Waiting } from '../store/waiting';
import type { Telemetry } from '../telemetry/events';
import type { Lanes } from './lanes';

export interface AdmissionOptions {
  readonly telemetry: Telemetry;
  readonly waiting: Waiting;
  readonly slots: { room(place: SlotPlace, upTo: number): Promise<number> };
  readonly lanes: Pick<Lanes, 'claim' | 'handOver'>;
  /** Tells a delivery's workflow to go on; one that is not told goes on by itself a little later. */
  readonly wake: (deliveryId: string) => Promise<unknown>;
  readonly pollMs?: number;
}

/** Between looks for webhooks that have become crowded. */
const defaultPollMs = 500;

/** Deliveries admitted by one statement. */
const maxAdmitted = 100;

/** By then what was admitted has taken its slot, or waits again. */
const pendingMs = 3_000;

export class Admission {
  private readonly crowded = new Map<string, Crowd>();
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly options: AdmissionOptions) {}

  start(): void {
    this.timer = setInterval(() => this.track(this.look()), this.options.pollMs ?? defaultPollMs);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await Promise.all(this.underWay);
  }

  /** A POST of this webhook has ended. */
  freed(webhookId: string): void {
    const crowd = this.crowded.get(webhookId);
    if (crowd && !this.stopped) this.track(this.admit(crowd));
  }

  /** A POST of this webhook has begun. */
  taken(webhookId: string): void {
    const crowd = this.crowded.get(webhookId);
    if (crowd && crowd.pending > 0) crowd.pending--;
  }

  private track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.options.telemetry.log.warn({ event: 'admission.failed', err: error }))
      .finally(() => this.underWay.delete(tracked));
    this.underWay.add(tracked);
  }

  private async look(): Promise<void> {
    const webhooks = await this.options.waiting.webhooks();
    const known = new Set(webhooks.map(({ webhookId }) => webhookId));
    for (const id of this.crowded.keys()) if (!known.has(id)) this.crowded.delete(id);
    for (const webhook of webhooks) {
      if (this.stopped) return;
      const crowd = this.crowded.get(webhook.webhookId) ?? { webhook, pending: 0, admittedAt: 0, admitting: false };
      crowd.webhook = webhook;
      this.crowded.set(webhook.webhookId, crowd);
      await this.admit(crowd);
    }
  }

  /** One at a time for each webhook; a slot that is freed meanwhile is seen by the next one. */
  private async admit(crowd: Crowd): Promise<void> {
    if (crowd.admitting) return;
    crowd.admitting = true;
    try {
      await this.admitOnce(crowd);
    } finally {
      crowd.admitting = false;
    }
  }

  private async admitOnce(crowd: Crowd): Promise<void> {
    const { waiting, slots, lanes } = this.options;
    const { webhookId } = crowd.webhook;
    if (performance.now() - crowd.admittedAt > pendingMs) crowd.pending = 0;
    const free = (await slots.room(crowd.webhook, maxAdmitted)) - crowd.pending;
    if (free <= 0) return;

    const admitted = await waiting.admit(webhookId, lanes.claim, free);
    const open = admitted.filter(({ status }) => !isTerminal(status));
    crowd.pending += open.length;
    crowd.admittedAt = performance.now();
    lanes.handOver(open.filter(({ hasRun }) => !hasRun));
    await Promise.all(open.filter(({ hasRun }) => hasRun).map(({ id }) => this.options.wake(id)));
    if (admitted.length < free) await waiting.clear(webhookId);
  }
}

interface Crowd {
  webhook: CrowdedWebhook;
  /** Admitted, and on the way to their slots. */
  pending: number;
  admittedAt: number;
  admitting: boolean;
}
