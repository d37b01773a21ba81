/**
 * How many POSTs a webhook and a tenant have in flight, over all workers, held below their limits. This
 * worker leases slots in blocks and hands them out by itself, so that an attempt costs no write; slots of a
 * worker that died lapse. What a worker does not use it gives back as soon as another lacks it.
 */
import type { SlotLease, SlotLeases, SlotRequest } from '../store/slot-leases';

export interface SlotsOptions {
  readonly leases: SlotLeases;
  readonly onRenewalFailed: (error: unknown) => void;
  /** Told when a slot was taken, and when it was given back. */
  readonly onTaken?: (place: SlotPlace) => void;
  readonly onFreed?: (place: SlotPlace) => void;
  /** How long a lease holds without being renewed, in milliseconds. */
  readonly leaseMs: number;
  /** In milliseconds, from whenever. */
  readonly now?: () => number;
}

export interface SlotPlace {
  readonly tenantId: string;
  readonly webhookId: string;
  /** POSTs in flight that the webhook may have. */
  readonly maxInFlight: number;
  /** POSTs in flight that the tenant may have. */
  readonly maxConcurrent: number;
}

/** How many more POSTs may begin here; the smaller number counts. */
export interface SlotRoom {
  readonly ofWebhook: number;
  readonly ofTenant: number;
}

/** After a refusal the database is not asked again for so long. */
const refusedMs = 250;

/** A slot that nobody lacks is kept so long after its last use, so that rare deliveries need not ask each time. */
const keptIdleMs = 60_000;

/** Renewals of so many webhooks and tenants go in one statement. */
const renewalBatch = 500;

export class Slots {
  private readonly holdings = new Map<string, Holding>();
  private readonly options: Required<SlotsOptions>;
  private timer: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | undefined;

  constructor(options: SlotsOptions) {
    this.options = {
      onTaken: () => {},
      onFreed: () => {},
      now: () => performance.now(),
      ...options,
    };
  }

  /** Renewals go on until `stop`. */
  start(): void {
    this.timer = setInterval(() => {
      this.renewing ??= this.renew()
        .catch(this.options.onRenewalFailed)
        .finally(() => (this.renewing = undefined));
    }, this.options.leaseMs / 15);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.renewing;
    if (this.holdings.size > 0) await this.options.leases.releaseAll();
    this.holdings.clear();
  }

  /**
   * @returns how to give the slot back, or undefined when all of them are taken
   * @throws the database's error when slots had to be leased and could not be
   */
  async take(place: SlotPlace): Promise<(() => void) | undefined> {
    const holdings = this.holdingsOf(place);
    for (const holding of holdings) holding.askers++;
    try {
      return await this.takeOf(holdings, place);
    } finally {
      for (const holding of holdings) holding.askers--;
    }
  }

  private async takeOf(holdings: readonly Holding[], place: SlotPlace): Promise<(() => void) | undefined> {
    for (let tries = 0; tries < maxTries; tries++) {
      const now = this.options.now();
      // Asked and taken in one turn: what is free after an await others have taken.
      if (holdings.every((holding) => holding.free(now) > 0)) {
        for (const holding of holdings) holding.take(now);
        this.options.onTaken(place);
        return () => this.giveBack(holdings, place);
      }
      if (!(await this.acquire(holdings, 1))) return undefined;
    }
    return undefined;
  }

  /**
   * @param upTo the most that is of use
   * @throws the database's error when slots had to be leased and could not be
   */
  async room(place: SlotPlace, upTo: number): Promise<SlotRoom> {
    const { now } = this.options;
    const [webhook, tenant] = this.holdingsOf(place);
    await this.acquire([webhook], upTo);
    const ofWebhook = Math.min(upTo, webhook.free(now()));
    // What the webhook cannot take is left to others of the tenant, here and at other workers.
    if (ofWebhook > 0) await this.acquire([tenant], ofWebhook);
    return { ofWebhook, ofTenant: tenant.free(now()) };
  }

  private giveBack(holdings: readonly Holding[], place: SlotPlace): void {
    for (const holding of holdings) holding.used--;
    this.options.onFreed(place);
  }

  private holdingsOf({ tenantId, webhookId, maxInFlight, maxConcurrent }: SlotPlace): [Holding, Holding] {
    return [this.holding(tenantId, webhookId, maxInFlight), this.holding(tenantId, '', maxConcurrent)];
  }

  private holding(tenantId: string, webhookId: string, most: number): Holding {
    // No tenant has a space in its id.
    const name = `${tenantId} ${webhookId}`;
    let holding = this.holdings.get(name);
    if (!holding) this.holdings.set(name, (holding = new Holding(tenantId, webhookId)));
    holding.most = most;
    return holding;
  }

  /**
   * Leases what is lacking, or waits for a lease that is under way for others.
   *
   * @returns false when there is nothing to be had for now
   */
  private async acquire(holdings: readonly Holding[], count: number): Promise<boolean> {
    const now = this.options.now();
    const lacking = holdings.filter((holding) => holding.free(now) < count);
    const underWay = lacking.find(({ asking }) => asking !== undefined)?.asking;
    if (underWay) await underWay;
    else if (lacking.some((holding) => holding.refusedUntil > now)) return false;
    else if (lacking.length > 0) await this.lease(lacking, count);
    return true;
  }

  private async lease(holdings: readonly Holding[], count: number): Promise<void> {
    const wanted = holdings.map((holding) => holding.used + Math.max(count, holding.askers));
    const answers = await this.ask(holdings, wanted);
    for (const [at, holding] of holdings.entries()) {
      if ((answers[at]?.granted ?? 0) < (wanted[at] ?? count)) holding.refusedUntil = this.options.now() + refusedMs;
    }
  }

  private async renew(): Promise<void> {
    const { now } = this.options;
    const due = [...this.holdings.values()].filter((holding) => !holding.asking && holding.isDue(now(), this.dueMs));
    for (let at = 0; at < due.length; at += renewalBatch) {
      // Others may have asked for some of them since.
      const batch = due.slice(at, at + renewalBatch).filter((holding) => !holding.asking);
      if (batch.length === 0) continue;
      const wanted = batch.map((holding) => holding.keep(now()));
      await this.ask(batch, wanted);
      for (const [n, holding] of batch.entries()) if (wanted[n] === 0) this.forget(holding);
    }
  }

  /** One request at a time for each holding: its answers could overtake each other. */
  private async ask(holdings: readonly Holding[], wanted: readonly number[]): Promise<SlotLease[]> {
    const { leases, leaseMs } = this.options;
    const askedAt = this.options.now();
    const requests = holdings.map((holding, at) => holding.request(wanted[at] ?? 0, askedAt));
    const answering = leases.lease(requests, leaseMs);
    const asking = answering.catch(() => {});
    for (const holding of holdings) holding.asking = asking;
    try {
      const answers = await answering;
      for (const [at, holding] of holdings.entries()) {
        const answer = answers[at];
        if (answer) holding.grant(answer, askedAt + leaseMs);
      }
      return answers;
    } finally {
      for (const holding of holdings) holding.asking = undefined;
    }
  }

  private forget(holding: Holding): void {
    const name = `${holding.tenantId} ${holding.webhookId}`;
    // Whoever is about to take of it must not be counted apart from those that come later.
    const isUnused = holding.used === 0 && holding.askers === 0 && !holding.asking;
    if (isUnused && this.holdings.get(name) === holding) this.holdings.delete(name);
  }

  private get dueMs(): number {
    return this.options.leaseMs / 3;
  }
}

/** A lease may be under way for others, who take what it brings. */
const maxTries = 6;

/** What this worker holds of one webhook's or tenant's slots. */
class Holding {
  most = 0;
  used = 0;
  /** Attempts that want a slot at this moment. */
  askers = 0;
  refusedUntil = 0;
  asking: Promise<unknown> | undefined;
  private leased = 0;
  private validUntil = 0;
  private contended = false;
  private workers = 1;
  /** Most that was taken at one time since the database was last told. */
  private peak = 0;
  private lastUsedAt = 0;
  private toldAt = 0;
  private told = 0;

  constructor(
    readonly tenantId: string,
    readonly webhookId: string,
  ) {}

  free(now: number): number {
    if (now >= this.validUntil) return 0;
    return Math.max(0, Math.min(this.leased, this.most) - this.used);
  }

  take(now: number): void {
    this.used++;
    this.peak = Math.max(this.peak, this.used);
    this.lastUsedAt = now;
  }

  /** @param wanted at least; more when it has been growing, so that a busy webhook asks seldom */
  request(wanted: number, now: number): SlotRequest {
    const { tenantId, webhookId, used, most, leased } = this;
    const grown = wanted > leased && !this.contended ? Math.max(wanted, 2 * leased) : wanted;
    this.toldAt = now;
    this.told = used;
    this.peak = used;
    const asked = Math.min(grown, most, this.contended ? Math.max(used, this.share) : most);
    // What is given back may be another worker's before the answer is here.
    this.leased = Math.min(leased, asked);
    return { tenantId, webhookId, wanted: asked, taken: used, most };
  }

  grant({ granted, contended, workers }: SlotLease, validUntil: number): void {
    this.leased = granted;
    this.validUntil = validUntil;
    this.contended = contended;
    this.workers = workers;
  }

  /** This worker's part of them while they do not suffice for all. */
  private get share(): number {
    return Math.ceil(this.most / this.workers);
  }

  /** What to hold on to: all of it as long as nobody lacks it, else what was needed lately. */
  keep(now: number): number {
    const needed = Math.max(this.peak, this.used);
    if (this.contended) return needed;
    return needed > 0 || now - this.lastUsedAt < keptIdleMs ? Math.max(needed, this.leased) : 0;
  }

  /** What is held must be renewed in time; how much a tenant has taken is shown, and told when it has changed. */
  isDue(now: number, dueMs: number): boolean {
    return now - this.toldAt >= dueMs || (this.webhookId === '' && this.told !== this.used);
  }
}
