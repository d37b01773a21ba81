/** Deliveries that wait to be admitted, because their webhook or tenant has as many POSTs in flight as it may. */
import type { Pool } from 'pg';
import type { DeliveryStatus } from '../domain/delivery-state';
import { claimedColumns, type ClaimedDelivery } from './claims';
import type { Claim } from './events';
import { isExpired } from './expiry';
import { anyIdOf } from './found-ids';

export interface CrowdedWebhook {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly maxInFlight: number;
  /** POSTs in flight that the tenant may have. */
  readonly maxConcurrent: number;
}

export interface AdmittedDelivery extends ClaimedDelivery {
  readonly status: DeliveryStatus;
  /** Its workflow waits for a signal; without one it is claimed and to be started. */
  readonly hasRun: boolean;
}

export interface Waiting {
  /** Webhooks with deliveries that wait. */
  webhooks(): Promise<CrowdedWebhook[]>;
  /**
   * Takes up to `limit` deliveries out of the wait, the oldest first.
   *
   * @param which `unstarted` leaves those that have a workflow where they are
   */
  admit(webhookId: string, claim: Claim, limit: number, which?: 'all' | 'unstarted'): Promise<AdmittedDelivery[]>;
  /** It was admitted, and its workflow could not be told: it has its place again. */
  putBack(deliveryId: string): Promise<void>;
  /** New deliveries need not wait any more, unless some wait still. */
  clear(webhookId: string): Promise<void>;
}

/**
 * Of a delivery: its age, so that what was begun is finished before more is begun, and a webhook that fails has no more
 * workflows than it has slots and pauses. What was admitted and found no slot after all has its place again.
 */
export const placeInLine = 'COALESCE(waiting_since, replayed_at, created_at)';

/** After a statement `waiting` that answers with the webhook's id. */
export const crowdsWebhook = `
  UPDATE hook.webhook_configs w SET crowded = true
  FROM waiting WHERE w.id = waiting.webhook_id AND NOT w.crowded`;

export function createWaiting(workerPool: Pool): Waiting {
  return {
    async webhooks() {
      const { rows } = await workerPool.query<CrowdedWebhook>({
        name: 'waiting.webhooks',
        // Steps from webhook to webhook along the index, however many deliveries each has.
        text: `
          WITH RECURSIVE crowded AS (
            (SELECT webhook_id FROM hook.deliveries WHERE waiting_since IS NOT NULL ORDER BY webhook_id LIMIT 1)
            UNION ALL
            SELECT (SELECT d.webhook_id FROM hook.deliveries d
                    WHERE d.waiting_since IS NOT NULL AND d.webhook_id > crowded.webhook_id
                    ORDER BY d.webhook_id LIMIT 1)
            FROM crowded WHERE crowded.webhook_id IS NOT NULL
          )
          SELECT w.tenant_id AS "tenantId", w.id AS "webhookId", w.max_in_flight AS "maxInFlight",
                 COALESCE(q.max_concurrent_deliveries, 50) AS "maxConcurrent"
          FROM crowded JOIN hook.webhook_configs w ON w.id = crowded.webhook_id
          LEFT JOIN hook.quotas q ON q.tenant_id = w.tenant_id`,
      });
      return rows;
    },

    async admit(webhookId, claim, limit, which = 'all') {
      const { rows } = await workerPool.query<AdmittedDelivery>({
        name: 'waiting.admit',
        text: `
          WITH oldest AS (
            SELECT id FROM hook.deliveries WHERE webhook_id = $1 AND waiting_since IS NOT NULL
              AND ($5 = 'all' OR run_id IS NULL)
              -- A workflow for it would only end it; the sweep does.
              AND NOT (${isExpired})
            ORDER BY waiting_since LIMIT $2 FOR UPDATE SKIP LOCKED
          ), admitted AS (
            UPDATE hook.deliveries d
            SET waiting_since = NULL,
                claimed_by = CASE WHEN run_id IS NULL AND status = 'PENDING' THEN $3 ELSE claimed_by END,
                claimed_until = CASE WHEN run_id IS NULL AND status = 'PENDING'
                                     -- In the direct lane it covers the attempt.
                                     THEN now() + ($4 + CASE lane WHEN 'direct' THEN timeout_ms ELSE 0 END)
                                                  * interval '1 millisecond'
                                     ELSE claimed_until END
            FROM (SELECT lane, timeout_ms FROM hook.webhook_configs WHERE id = $1) w
            WHERE d.id = ${anyIdOf('oldest')}
            RETURNING d.*
          )
          SELECT ${claimedColumns}, d.status, d.run_id IS NOT NULL AS "hasRun"
          FROM admitted d JOIN hook.webhook_configs w ON w.id = d.webhook_id ORDER BY d.id`,
        values: [webhookId, limit, claim.by, claim.forMs, which],
      });
      return rows;
    },

    async putBack(deliveryId) {
      await workerPool.query({
        name: 'waiting.putBack',
        text: `
          WITH waiting AS (
            UPDATE hook.deliveries SET waiting_since = ${placeInLine}
            WHERE id = $1 AND status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')
            RETURNING webhook_id
          )
          ${crowdsWebhook}`,
        values: [deliveryId],
      });
    },

    async clear(webhookId) {
      await workerPool.query({
        name: 'waiting.clear',
        text: `UPDATE hook.webhook_configs w SET crowded = false
               WHERE id = $1 AND crowded
                 AND NOT EXISTS (SELECT 1 FROM hook.deliveries d WHERE d.webhook_id = $1 AND d.waiting_since IS NOT NULL)`,
        values: [webhookId],
      });
    },
  };
}
