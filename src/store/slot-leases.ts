/** Leases of slots for POSTs in flight, of webhooks and of tenants, to this worker. Migration 0021 has the rules. */
import type { Pool } from 'pg';

export interface SlotRequest {
  readonly tenantId: string;
  /** Empty for the tenant as a whole. */
  readonly webhookId: string;
  /** Slots to hold; none gives them back. */
  readonly wanted: number;
  /** Of those held, how many are taken; they count whatever is granted. */
  readonly taken: number;
  /** The limit over all workers. */
  readonly most: number;
}

export interface SlotLease {
  readonly granted: number;
  /** Another worker lacks slots of it. */
  readonly contended: boolean;
  /** Between how many workers they are to be shared, this one among them. */
  readonly workers: number;
}

export interface SlotLeases {
  /** @returns the answers in the order of the requests, each valid for `forMs` from when it was asked for */
  lease(requests: readonly SlotRequest[], forMs: number): Promise<SlotLease[]>;
  /** Gives back whatever this worker holds. */
  releaseAll(): Promise<void>;
}

/** @param workerId of no other process that is alive */
export function createSlotLeases(workerPool: Pool, workerId: string): SlotLeases {
  return {
    async lease(requests, forMs) {
      const { rows } = await workerPool.query<SlotLease>({
        name: 'slotLeases.lease',
        text: 'SELECT granted, contended, workers FROM hook.lease_slots($1, $2, $3, $4, $5, $6, $7) ORDER BY n',
        values: [
          workerId,
          requests.map(({ tenantId }) => tenantId),
          requests.map(({ webhookId }) => webhookId),
          requests.map(({ wanted }) => wanted),
          requests.map(({ taken }) => taken),
          requests.map(({ most }) => most),
          forMs,
        ],
      });
      return rows;
    },

    async releaseAll() {
      await workerPool.query('DELETE FROM hook.in_flight_leases WHERE worker_id = $1', [workerId]);
    },
  };
}

/** Forgets what workers held that died long ago: nobody may ever ask for slots of the same webhooks again. */
export async function removeLapsedLeases(workerPool: Pool): Promise<void> {
  await workerPool.query("DELETE FROM hook.in_flight_leases WHERE until < now() - interval '1 hour'");
}
