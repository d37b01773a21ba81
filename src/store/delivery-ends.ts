/** How a delivery's row comes to its end without success. */
import type { Pool } from 'pg';
import { statusOf, type EndReason } from '../domain/delivery-state';

export interface EndedDelivery {
  /** False when the delivery was at its end before, or has been replayed since. */
  readonly changed: boolean;
  /** POSTs made over all replays. */
  readonly attempts: number;
  readonly lastStatusCode: number | null;
}

export interface DeliveryEnds {
  /**
   * @param runId of the run that ends it; null keeps the one that is recorded
   * @param replayNo of the replay that ends; null where the run was started by hand and has none
   */
  record(deliveryId: string, runId: string | null, reason: EndReason, replayNo: number | null): Promise<EndedDelivery>;
}

export function createDeliveryEnds(workerPool: Pool): DeliveryEnds {
  return {
    async record(deliveryId, runId, reason, replayNo) {
      const { rows } = await workerPool.query<{ changed: boolean; attempts: number; last_status_code: number | null }>({
        name: 'deliveryEnds.record',
        text: `
          WITH ended AS (
            UPDATE hook.deliveries
            SET status = $2, reason = $3, run_id = COALESCE($4, run_id), completed_at = now(), next_attempt_at = NULL,
                claimed_by = NULL, claimed_until = NULL, parked_version = NULL, waiting_since = NULL
            WHERE id = $1 AND status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')
              AND replay_no = COALESCE($5, replay_no)
              -- A delivery that waits for its start and has a last run was replayed since that run.
              AND NOT (status = 'PENDING' AND COALESCE(run_id = $4, false))
            RETURNING id
          )
          SELECT EXISTS (SELECT 1 FROM ended) AS changed, attempts, last_status_code
          FROM hook.deliveries WHERE id = $1`,
        values: [deliveryId, statusOf(reason), reason, runId, replayNo],
      });
      const row = rows[0];
      // Retention has removed the delivery: it is at its end.
      if (!row) return { changed: false, attempts: 0, lastStatusCode: null };
      return { changed: row.changed, attempts: row.attempts, lastStatusCode: row.last_status_code };
    },
  };
}
