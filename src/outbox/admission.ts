/**
 * Lets deliveries go on that found no slot, as slots become free: those that have a workflow are told, those
 * that have none are started. The webhooks of a tenant take turns at what the tenant may have. What is admitted
 * and finds no slot after all waits again, so that an estimate will do. Several workers may admit for one
 * webhook; each admits for the slots that it can have.
 */
import { forEachConcurrently } from '../concurrently';
import { isTerminal } from '../domain/delivery-state';
import type { SlotPlace, SlotRoom } from '../delivery/slots';
import type { CrowdedWebhook, Waiting } from '../store/waiting';
import type { Telemetry } from '../telemetry/events';
import type { Lanes } from './lanes';
import { Periodic } from './periodic';

export interface AdmissionOptions {
  readonly telemetry: Telemetry;
  readonly waiting: Waiting;
  readonly slots: { room(place: SlotPlace, upTo: number): Promise<SlotRoom> };
  readonly lanes: Pick<Lanes, 'claim' | 'handOver'>;
  /** Tells a delivery's workflow to go on; one that is not told goes on by itself a little later. */
  readonly wake: (deliveryId: string) => Promise<unknown>;
  readonly pollMs?: number;
}

/** Between looks for webhooks that have become crowded. */
const defaultPollMs = 500;

/** Deliveries admitted by one statement. */
const maxAdmitted = 100;

/** Tenants looked after at a time. */
const concurrentTenants = 4;

/**
 * By then what was admitted has taken its slot, perhaps at another worker, or waits again. Of what another worker
 * takes this one hears nothing, and would hold back the next for so long.
 */
const onTheWayMs = 1_000;

/** After Temporal has not answered, deliveries that have a workflow are left to wait for so long. */
const temporalAwayMs = 5_000;

/** Workflows being told at a time; more would not make Temporal faster. */
const maxTelling = 200;

export class Admission {
  private readonly tenants = new Map<string, CrowdedTenant>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly looks: Periodic;
  private telling = 0;
  private temporalAwayUntil = 0;
  private stopped = false;

  constructor(private readonly options: AdmissionOptions) {
    this.looks = new Periodic({
      everyMs: options.pollMs ?? defaultPollMs,
      work: () => this.look(),
      onError: (error) => this.failed(error),
    });
  }

  start(): void {
    this.looks.start();
  }

  /** Nothing is admitted any more when this resolves, and what was is told. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([this.looks.stop(), ...this.underWay]);
  }

  /** A POST of this webhook has ended; its slot may be what another webhook of the tenant waits for. */
  freed({ tenantId }: SlotPlace): void {
    const tenant = this.tenants.get(tenantId);
    if (tenant && !this.stopped) this.track(this.admit(tenant));
  }

  /** A POST of this webhook has begun. */
  taken({ tenantId, webhookId }: SlotPlace): void {
    const tenant = this.tenants.get(tenantId);
    if (tenant?.webhooks.get(webhookId)?.onTheWay.arrived()) tenant.onTheWay.arrived();
  }

  private track(work: Promise<unknown>): void {
    const tracked = work
      .then(() => {})
      .catch((error: unknown) => this.failed(error))
      .finally(() => this.underWay.delete(tracked));
    this.underWay.add(tracked);
  }

  private failed(error: unknown): void {
    this.options.telemetry.log.warn({ event: 'admission.failed', err: error });
  }

  private async look(): Promise<void> {
    const places = await this.options.waiting.webhooks();
    const crowded = new Set(places.map(({ webhookId }) => webhookId));
    for (const tenant of this.tenants.values()) tenant.keepOnly(crowded);
    for (const place of places) {
      let tenant = this.tenants.get(place.tenantId);
      if (!tenant) this.tenants.set(place.tenantId, (tenant = new CrowdedTenant()));
      tenant.update(place);
    }
    for (const [id, { webhooks }] of this.tenants) if (webhooks.size === 0) this.tenants.delete(id);
    await forEachConcurrently(this.tenants.values(), concurrentTenants, (tenant) => this.admit(tenant));
  }

  /** One at a time for each tenant; what is freed meanwhile is seen by another round. */
  private async admit(tenant: CrowdedTenant): Promise<void> {
    tenant.again = true;
    if (tenant.admitting) return;
    tenant.admitting = true;
    try {
      while (tenant.again && !this.stopped) {
        tenant.again = false;
        await this.admitInTurn(tenant);
      }
    } finally {
      tenant.admitting = false;
    }
  }

  private async admitInTurn(tenant: CrowdedTenant): Promise<void> {
    for (const webhook of tenant.inTurn()) {
      if (this.stopped) return;
      const { ofWebhook, ofTenant } = await this.options.slots.room(webhook.place, maxAdmitted);
      const room = ofWebhook - webhook.onTheWay.count();
      if (room <= 0) continue;
      const left = ofTenant - tenant.onTheWay.count();
      if (left <= 0) return;
      await this.admitFrom(tenant, webhook, Math.min(room, left));
    }
  }

  private async admitFrom(tenant: CrowdedTenant, { place, onTheWay }: CrowdedPlace, room: number): Promise<void> {
    const { waiting, lanes } = this.options;
    const which = this.canTell ? 'all' : 'unstarted';
    const admitted = await waiting.admit(place.webhookId, lanes.claim, room, which);
    const open = admitted.filter(({ status }) => !isTerminal(status));
    onTheWay.add(open.length);
    tenant.onTheWay.add(open.length);
    if (open.length > 0) tenant.hadItsTurn(place.webhookId);
    lanes.handOver(open.filter(({ hasRun }) => !hasRun));
    try {
      // Before any is told: one that cannot be told is put back, and its webhook is crowded again after this.
      if (admitted.length < room) await waiting.clear(place.webhookId);
    } finally {
      // Temporal's answers are not waited for: while it is away, the direct lane's deliveries go on.
      for (const { id, hasRun } of open) if (hasRun) this.track(this.tell(id));
    }
  }

  private get canTell(): boolean {
    return this.telling < maxTelling && performance.now() >= this.temporalAwayUntil;
  }

  private async tell(deliveryId: string): Promise<void> {
    this.telling++;
    try {
      await this.options.wake(deliveryId);
    } catch (error) {
      this.temporalAwayUntil = performance.now() + temporalAwayMs;
      await this.options.waiting.putBack(deliveryId);
      throw error;
    } finally {
      this.telling--;
    }
  }
}

/** A tenant that has webhooks with deliveries that wait. */
class CrowdedTenant {
  /** In the order of their turns. */
  readonly webhooks = new Map<string, CrowdedPlace>();
  readonly onTheWay = new OnTheWay();
  admitting = false;
  again = false;

  keepOnly(crowded: ReadonlySet<string>): void {
    for (const id of this.webhooks.keys()) if (!crowded.has(id)) this.webhooks.delete(id);
  }

  update(place: CrowdedWebhook): void {
    const webhook = this.webhooks.get(place.webhookId);
    if (webhook) webhook.place = place;
    else this.webhooks.set(place.webhookId, { place, onTheWay: new OnTheWay() });
  }

  inTurn(): CrowdedPlace[] {
    return [...this.webhooks.values()];
  }

  hadItsTurn(webhookId: string): void {
    const webhook = this.webhooks.get(webhookId);
    if (!webhook) return;
    this.webhooks.delete(webhookId);
    this.webhooks.set(webhookId, webhook);
  }
}

interface CrowdedPlace {
  place: CrowdedWebhook;
  readonly onTheWay: OnTheWay;
}

/** Deliveries that were admitted and have not taken their slots yet. */
class OnTheWay {
  /** Of each, the time at which it is not waited for any more. */
  private readonly until: number[] = [];

  add(count: number): void {
    const until = performance.now() + onTheWayMs;
    for (let n = 0; n < count; n++) this.until.push(until);
  }

  /** @returns false when none was on the way */
  arrived(): boolean {
    return this.until.shift() !== undefined;
  }

  count(): number {
    const now = performance.now();
    while ((this.until[0] ?? Infinity) < now) this.until.shift();
    return this.until.length;
  }
}
