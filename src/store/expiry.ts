/** Deliveries whose time was over before anybody began them. */
import type { Pool } from 'pg';
import { anyIdOf } from './found-ids';

export interface ExpiredDelivery {
  readonly id: string;
  readonly tenantId: string;
  readonly webhookId: string;
  /** POSTs made for it before it was replayed. */
  readonly attempts: number;
}

/** Makes dead letters `EXPIRED` of up to `limit` deliveries; of none while another process is at it. */
export type Expire = (limit: number) => Promise<ExpiredDelivery[]>;

/** Any number, as long as nothing else in the database locks it. */
const lockId = 5_301_003;

/** Of a delivery: nobody has begun it, and its time is over. */
export const isExpired = "expires_at < now() AND run_id IS NULL AND status IN ('PENDING', 'PAUSED')";

/** Longer than a POST that was begun in time may take, with its record. */
const lapsedFor = "interval '1 minute'";

export function createExpire(workerPool: Pool): Expire {
  return async (limit) => {
    const { rows } = await workerPool.query<ExpiredDelivery>({
      name: 'expiry.expire',
      text: `
        WITH waiting AS (
          SELECT id FROM hook.deliveries
          WHERE ${isExpired} AND claimed_until IS NULL AND (SELECT pg_try_advisory_xact_lock($2))
          ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ), lapsed AS (
          -- Whoever had claimed them may have died. A workflow that was started for one meets it at its end.
          SELECT id FROM hook.deliveries
          WHERE ${isExpired} AND expires_at < now() - ${lapsedFor} AND claimed_until < now()
            AND (SELECT pg_try_advisory_xact_lock($2))
          LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        UPDATE hook.deliveries d
        SET status = 'DEAD_LETTER', reason = 'EXPIRED', completed_at = now(), claimed_by = NULL, claimed_until = NULL,
            parked_version = NULL, waiting_since = NULL
        WHERE d.id = ${anyIdOf('waiting UNION ALL SELECT id FROM lapsed LIMIT $1')}
        RETURNING d.id, d.tenant_id AS "tenantId", d.webhook_id AS "webhookId", d.attempts`,
      values: [limit, lockId],
    });
    return rows;
  };
}
