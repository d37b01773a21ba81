/** Leases of a tenant's events per second to this process. Migration 0009 has the rules. */
import type { Pool } from 'pg';

export interface LeaseRequest {
  readonly tenantId: string;
  /** Events of requests that wait now. */
  readonly wanted: number;
  /** Events to hold for requests to come. */
  readonly ahead: number;
  /** What this process has taken within the last second. */
  readonly used: readonly { readonly ageMs: number; readonly count: number }[];
}

export interface Lease {
  /** Of those wanted; less than that at the limit. */
  readonly granted: number;
  /** For requests to come, within `keptMs` of the moment it was asked for. It ends with the next lease. */
  readonly kept: number;
  readonly keptMs: number;
  /** Events per second that the tenant may publish. */
  readonly limit: number;
  /** How long not to ask again, in milliseconds; 0 when all was granted. */
  readonly pauseMs: number;
}

export type LeaseEvents = (request: LeaseRequest) => Promise<Lease>;

/** @param processId of no other process that is alive */
export function createRateLeases(workerPool: Pool, processId: string): LeaseEvents {
  return async ({ tenantId, wanted, ahead, used }) => {
    const { rows } = await workerPool.query<LeaseRow>({
      name: 'rateLeases.leaseEvents',
      text: 'SELECT granted, kept, kept_ms, max_per_sec, pause_ms FROM hook.lease_events($1, $2, $3, $4, $5, $6)',
      values: [
        tenantId,
        processId,
        wanted,
        ahead,
        used.map(({ ageMs }) => Math.floor(ageMs)),
        used.map(({ count }) => count),
      ],
    });
    const row = rows[0] as LeaseRow;
    return {
      granted: row.granted,
      kept: row.kept,
      keptMs: row.kept_ms,
      limit: row.max_per_sec,
      pauseMs: row.pause_ms,
    };
  };
}

interface LeaseRow {
  granted: number;
  kept: number;
  kept_ms: number;
  max_per_sec: number;
  pause_ms: number;
}
