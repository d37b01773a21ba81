/**
 * How many events a tenant may publish now. Every process counts exactly what it takes itself, and leases
 * what it may take from Postgres in blocks, so that the limit holds over all processes and most events
 * cost no query. At most one lease is asked for per tenant at a time, and none for a while once one was refused.
 */
import { LRUCache } from 'lru-cache';
import type { RateLimit } from '../domain/rate-limit';
import type { LeaseEvents } from '../store/rate-leases';

export interface Taken {
  /** The first so many of the events may go on. */
  readonly granted: number;
  /** Why the others may not; undefined when there are none. */
  readonly refusal?: RateLimit;
}

/** Of those who publish now. One that is forgotten loses its count of the last second, and no more. */
const maxTenants = 10_000;

/** What is taken within so many milliseconds of each other is counted as one, at the time of the last. */
const mergeMs = 10;

/** A block is to last about so long at the rate of late, in milliseconds. */
const blockMs = 200;

/** Over a shorter time than this, in milliseconds, two requests would look like a flood. */
const minRateSpanMs = 100;

export class EventRate {
  private readonly tenants = new LRUCache<string, TenantRate>({ max: maxTenants });

  /** @param now in milliseconds, from whenever */
  constructor(
    private readonly lease: LeaseEvents,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @throws the database's error when it is asked and cannot answer; nothing counts as taken then */
  async take(tenantId: string, count: number): Promise<Taken> {
    let tenant = this.tenants.get(tenantId);
    if (!tenant) {
      tenant = new TenantRate(tenantId, this.lease, this.now);
      this.tenants.set(tenantId, tenant);
    }
    return tenant.take(count);
  }
}

interface Waiting {
  readonly count: number;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: unknown) => void;
}

class TenantRate {
  /** Taken within the last second, oldest first. */
  private readonly used: { readonly from: number; at: number; count: number }[] = [];
  private held = 0;
  private heldUntil = 0;
  private refusedUntil = 0;
  private limit = 0;
  /** Asked for since the last lease, and when that was. */
  private demand = 0;
  private leasedAt = -Infinity;
  /** Those that wait for a lease. As long as there are any, one is being asked for. */
  private readonly waiting: Waiting[] = [];
  private asking = false;

  constructor(
    private readonly tenantId: string,
    private readonly lease: LeaseEvents,
    private readonly now: () => number,
  ) {}

  take(count: number): Taken | Promise<Taken> {
    this.demand += count;
    const now = this.now();
    if (now >= this.heldUntil) this.held = 0;
    if (count <= this.held) return this.fromHeld(count);
    if (now < this.refusedUntil) return this.refused(0);
    return new Promise<Taken>((resolve, reject) => {
      this.waiting.push({ count, resolve, reject });
      if (!this.asking) void this.ask();
    });
  }

  private async ask(): Promise<void> {
    this.asking = true;
    while (this.waiting.length > 0) await this.askOnce();
    this.asking = false;
  }

  private async askOnce(): Promise<void> {
    const asked = this.waiting.length;
    const wanted = this.waiting.reduce((sum, { count }) => sum + count, 0);
    const askedAt = this.now();
    const ahead = this.ahead(askedAt);
    // The lease before ends with this one; those who come while it is asked for wait with the others.
    this.held = 0;
    try {
      const { tenantId } = this;
      const lease = await this.lease({ tenantId, wanted, ahead, used: this.usedAt(askedAt) });
      this.limit = lease.limit;
      this.held = lease.kept;
      this.heldUntil = askedAt + lease.keptMs;
      if (lease.granted < wanted) this.refusedUntil = this.now() + lease.pauseMs;
      this.serve(asked, lease.granted);
    } catch (error) {
      for (const { reject } of this.waiting.splice(0, asked)) reject(error);
    }
  }

  /** Hands what was granted to those it was asked for, then lets those in who came since, as far as that goes. */
  private serve(asked: number, granted: number): void {
    let left = granted;
    for (const { count, resolve } of this.waiting.splice(0, asked)) {
      const given = Math.min(count, left);
      left -= given;
      this.count(given);
      resolve(given === count ? { granted: count } : this.refused(given));
    }
    if (this.now() < this.refusedUntil) {
      for (const { resolve } of this.waiting.splice(0)) resolve(this.refused(0));
    }
    while (this.waiting[0] && this.waiting[0].count <= this.held && this.now() < this.heldUntil) {
      const { count, resolve } = this.waiting.shift() as Waiting;
      resolve(this.fromHeld(count));
    }
  }

  private fromHeld(count: number): Taken {
    this.held -= count;
    this.count(count);
    return { granted: count };
  }

  private refused(granted: number): Taken {
    const reset = Math.max(1, Math.ceil((this.refusedUntil - this.now()) / 1000));
    return { granted, refusal: { limit: this.limit, remaining: 0, reset } };
  }

  private count(count: number): void {
    if (count === 0) return;
    const now = this.now();
    const last = this.used.at(-1);
    if (last && now - last.from < mergeMs) {
      last.at = now;
      last.count += count;
      return;
    }
    this.forget(now);
    this.used.push({ from: now, at: now, count });
  }

  private usedAt(now: number): { ageMs: number; count: number }[] {
    this.forget(now);
    return this.used.map(({ at, count }) => ({ ageMs: now - at, count }));
  }

  private forget(now: number): void {
    const kept = this.used.findIndex(({ at }) => at > now - 1000);
    this.used.splice(0, kept === -1 ? this.used.length : kept);
  }

  /** What to hold for those to come, by how many came since the last lease. */
  private ahead(now: number): number {
    const perMs = this.demand / Math.max(now - this.leasedAt, minRateSpanMs);
    this.demand = 0;
    this.leasedAt = now;
    return Math.ceil(perMs * blockMs);
  }
}
