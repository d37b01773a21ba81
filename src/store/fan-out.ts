/**
 * What a change of a webhook's state means for the deliveries that wait: after a resume they go on, after
 * a disable or a delete they end. How far that has come is read from the rows themselves.
 */
import type { Pool } from 'pg';
import type { WebhookState } from '../domain/webhook-state';

export interface WebhookStanding {
  readonly tenantId: string;
  readonly url: string;
  readonly state: WebhookState;
  readonly stateReason: string | null;
  readonly deleted: boolean;
  readonly stateVersion: number;
  readonly stateChangedAt: Date;
  /** Waiting deliveries know of the changes up to this one. */
  readonly fannedOutVersion: number;
}

export interface FanOut {
  /** @returns undefined when there is no such webhook */
  standing(webhookId: string): Promise<WebhookStanding | undefined>;
  /** Up to `limit` deliveries that have waited since before the webhook was disabled or deleted. */
  overtaken(webhookId: string, limit: number): Promise<string[]>;
  /** Ends those of them that still wait. */
  cancel(webhookId: string, deliveryIds: readonly string[]): Promise<void>;
  /** Up to `limit` deliveries that parked before this version and have not been told of it. */
  parked(webhookId: string, version: number, limit: number): Promise<string[]>;
  /** They were told of this version. */
  markTold(deliveryIds: readonly string[], version: number): Promise<void>;
  /** They wait without a workflow; the sweep finds out what became of it. */
  handToSweep(deliveryIds: readonly string[]): Promise<void>;
  finish(webhookId: string, version: number): Promise<void>;
}

export function createFanOut(workerPool: Pool): FanOut {
  return {
    async standing(webhookId) {
      const { rows } = await workerPool.query<WebhookStanding>({
        name: 'fanOut.standing',
        text: `SELECT tenant_id AS "tenantId", url, state, state_reason AS "stateReason", deleted_at IS NOT NULL AS deleted,
                      state_version AS "stateVersion", COALESCE(state_changed_at, updated_at) AS "stateChangedAt",
                      fanned_out_version AS "fannedOutVersion"
               FROM hook.webhook_configs WHERE id = $1`,
        values: [webhookId],
      });
      return rows[0];
    },

    overtaken: (webhookId, limit) =>
      ids(workerPool, {
        name: 'fanOut.overtaken',
        text: `SELECT d.id FROM hook.deliveries d JOIN hook.webhook_configs w ON w.id = d.webhook_id
               WHERE d.webhook_id = $1 AND d.status IN ('PENDING', 'FAILED_RETRY', 'PAUSED') AND d.status <> 'SUCCESS'
                 AND (w.deleted_at IS NOT NULL OR w.last_disabled_at > COALESCE(d.replayed_at, d.created_at))
               LIMIT $2`,
        values: [webhookId, limit],
      }),

    async cancel(webhookId, deliveryIds) {
      await workerPool.query({
        name: 'fanOut.cancel',
        text: `UPDATE hook.deliveries d
               SET status = 'CANCELLED', completed_at = now(), next_attempt_at = NULL, claimed_by = NULL,
                   claimed_until = NULL, parked_version = NULL,
                   reason = CASE WHEN w.deleted_at IS NULL THEN 'WEBHOOK_DISABLED' ELSE 'WEBHOOK_DELETED' END
               FROM hook.webhook_configs w
               WHERE w.id = $1 AND d.webhook_id = $1 AND d.id = ANY($2)
                 AND d.status IN ('PENDING', 'FAILED_RETRY', 'PAUSED')
                 AND (w.deleted_at IS NOT NULL OR w.last_disabled_at > COALESCE(d.replayed_at, d.created_at))`,
        values: [webhookId, deliveryIds],
      });
    },

    parked: (webhookId, version, limit) =>
      ids(workerPool, {
        name: 'fanOut.parked',
        text: `SELECT id FROM hook.deliveries
               WHERE webhook_id = $1 AND status = 'PAUSED' AND parked_version < $2 ORDER BY id LIMIT $3`,
        values: [webhookId, version, limit],
      }),

    async markTold(deliveryIds, version) {
      await workerPool.query({
        name: 'fanOut.markTold',
        text: `UPDATE hook.deliveries SET parked_version = $2
               WHERE id = ANY($1) AND status = 'PAUSED' AND parked_version < $2`,
        values: [deliveryIds, version],
      });
    },

    async handToSweep(deliveryIds) {
      await workerPool.query({
        name: 'fanOut.handToSweep',
        text: `UPDATE hook.deliveries
               SET status = 'IN_PROGRESS', claimed_by = NULL, claimed_until = now(), parked_version = NULL
               WHERE id = ANY($1) AND status = 'PAUSED'`,
        values: [deliveryIds],
      });
    },

    async finish(webhookId, version) {
      await workerPool.query({
        name: 'fanOut.finish',
        text: `UPDATE hook.webhook_configs SET fanned_out_version = GREATEST(fanned_out_version, $2) WHERE id = $1`,
        values: [webhookId, version],
      });
    },
  };
}

async function ids(pool: Pool, query: { name: string; text: string; values: unknown[] }): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(query);
  return rows.map(({ id }) => id);
}
