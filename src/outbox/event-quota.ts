/**
 * Takes events out of a tenant's quota, and tells when there is none left: the metric each time, the
 * log and the audit log once a minute, because a flood of refused events must not become a flood of rows.
 */
import { LRUCache } from 'lru-cache';
import { eventsRefused, quotaExceeded, type Telemetry } from '../telemetry/events';
import type { EventRate, Taken } from './event-rate';

export interface EventQuotaDeps {
  readonly telemetry: Telemetry;
  readonly rate: Pick<EventRate, 'take'>;
  /** Writes the audit row. */
  readonly recordExceeded: (tenantId: string, quota: string, limit: number) => Promise<void>;
  /** In milliseconds, from whenever. */
  readonly now?: () => number;
}

/** @returns how many of so many events may go on @throws the database's error when it cannot tell */
export type TakeEvents = (tenantId: string, count: number) => Promise<Taken>;

const quota = 'max_events_per_sec';
const tellEveryMs = 60_000;

/** Of those who are at their limit; one that is forgotten is told of once more. */
const maxTenants = 10_000;

export class EventQuota {
  private readonly toldAt = new LRUCache<string, number>({ max: maxTenants });
  private readonly recording = new Set<Promise<void>>();

  constructor(private readonly deps: EventQuotaDeps) {}

  async take(tenantId: string, count: number): Promise<Taken> {
    const taken = await this.deps.rate.take(tenantId, count);
    if (taken.refusal) this.tell(tenantId, count - taken.granted, taken.refusal.limit);
    return taken;
  }

  /** Resolves when every audit row is written, or cannot be. */
  async idle(): Promise<void> {
    await Promise.all(this.recording);
  }

  private tell(tenantId: string, refused: number, limit: number): void {
    const { telemetry, recordExceeded, now = () => performance.now() } = this.deps;
    eventsRefused(telemetry, { count: refused });
    if (now() - (this.toldAt.get(tenantId) ?? -Infinity) < tellEveryMs) return;
    this.toldAt.set(tenantId, now());
    quotaExceeded(telemetry, { tenant_id: tenantId, quota, limit });
    // The answer does not wait for it.
    const recorded = recordExceeded(tenantId, quota, limit)
      .catch((error: unknown) => telemetry.log.warn({ event: 'quota.audit_failed', tenant_id: tenantId, err: error }))
      .finally(() => this.recording.delete(recorded));
    this.recording.add(recorded);
  }
}
