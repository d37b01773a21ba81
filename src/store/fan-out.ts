/**
 * What a change of a webhook's state means for the deliveries that wait: after a resume they go on, after
 * a disable or a delete they end. How far that has come is read from the rows themselves.
 */
import type { Pool } from 'pg';
import type { WebhookState } from '../domain/webhook-state';
import { idAfter } from './id-bounds';

export interface WebhookStanding {
  readonly tenantId: string;
  readonly url: string;
  readonly state: WebhookState;
  readonly stateReason: string | null;
  readonly deleted: boolean;
  readonly lastDisabledAt: Date | null;
  readonly stateVersion: number;
  readonly stateChangedAt: Date;
  /** Waiting deliveries know of the changes up to this one. */
  readonly fannedOutVersion: number;
}

export interface ParkedDelivery {
  readonly id: string;
  /** False when it was parked before it was started. */
  readonly hasRun: boolean;
}

export interface FanOut {
  /** @returns undefined when there is no such webhook */
  standing(webhookId: string): Promise<WebhookStanding | undefined>;
  /** Up to `limit` deliveries that have waited since before the webhook was disabled or deleted. */
  overtaken(
    webhookId: string,
    standing: Pick<WebhookStanding, 'deleted' | 'lastDisabledAt'>,
    limit: number,
  ): Promise<string[]>;
  /** Ends those of them that still wait. */
  cancel(webhookId: string, deliveryIds: readonly string[]): Promise<void>;
  /** Up to `limit` deliveries that parked before this version and have not been told of it, in the order of their ids. */
  parked(webhookId: string, version: number, afterId: string, limit: number): Promise<ParkedDelivery[]>;
  /** Those that were never started wait to be admitted from now on. */
  letWait(webhookId: string, deliveryIds: readonly string[]): Promise<void>;
  /** They were told of this version. */
  markTold(deliveryIds: readonly string[], version: number): Promise<void>;
  /** They wait without a workflow; the sweep finds out what became of it. */
  handToSweep(deliveryIds: readonly string[]): Promise<void>;
  finish(webhookId: string, version: number): Promise<void>;
}

/** Of delivery `d` and webhook `w`. One that was answered 410 is what disabled the webhook, and ends as GONE. */
const isOvertaken = `(w.deleted_at IS NOT NULL OR w.last_disabled_at > COALESCE(d.replayed_at, d.created_at))
  AND (d.status <> 'FAILED_RETRY' OR d.last_status_code IS DISTINCT FROM 410)`;

export function createFanOut(workerPool: Pool): FanOut {
  return {
    async standing(webhookId) {
      const { rows } = await workerPool.query<WebhookStanding>({
        name: 'fanOut.standing',
        text: `SELECT tenant_id AS "tenantId", url, state, state_reason AS "stateReason", deleted_at IS NOT NULL AS deleted,
                      last_disabled_at AS "lastDisabledAt", state_version AS "stateVersion",
                      COALESCE(state_changed_at, updated_at) AS "stateChangedAt", fanned_out_version AS "fannedOutVersion"
               FROM hook.webhook_configs WHERE id = $1`,
        values: [webhookId],
      });
      return rows[0];
    },

    async overtaken(webhookId, { deleted, lastDisabledAt }, limit) {
      if (!deleted && !lastDisabledAt) return [];
      // No ULID begins with a letter.
      const beforeId = deleted || !lastDisabledAt ? 'Z' : idAfter(lastDisabledAt);
      return ids(workerPool, {
        name: 'fanOut.overtaken',
        text: `SELECT d.id FROM hook.deliveries d JOIN hook.webhook_configs w ON w.id = d.webhook_id
               WHERE d.webhook_id = $1 AND d.status IN ('PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED')
                 AND d.status <> 'SUCCESS'
                 AND ${isOvertaken} AND d.id < $3
               LIMIT $2`,
        values: [webhookId, limit, beforeId],
      });
    },

    async cancel(webhookId, deliveryIds) {
      await workerPool.query({
        name: 'fanOut.cancel',
        text: `UPDATE hook.deliveries d
               SET status = 'CANCELLED', completed_at = now(), next_attempt_at = NULL, claimed_by = NULL,
                   claimed_until = NULL, parked_version = NULL, waiting_since = NULL,
                   reason = CASE WHEN w.deleted_at IS NULL THEN 'WEBHOOK_DISABLED' ELSE 'WEBHOOK_DELETED' END
               FROM hook.webhook_configs w
               WHERE w.id = $1 AND d.webhook_id = $1 AND d.id = ANY($2)
                 AND d.status IN ('PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED')
                 AND ${isOvertaken}`,
        values: [webhookId, deliveryIds],
      });
    },

    async parked(webhookId, version, afterId, limit) {
      const { rows } = await workerPool.query<ParkedDelivery>({
        name: 'fanOut.parked',
        text: `SELECT id, run_id IS NOT NULL AS "hasRun" FROM hook.deliveries
               WHERE webhook_id = $1 AND status = 'PAUSED' AND parked_version < $2 AND id > $4
               ORDER BY id LIMIT $3`,
        values: [webhookId, version, limit, afterId],
      });
      return rows;
    },

    async letWait(webhookId, deliveryIds) {
      await workerPool.query({
        name: 'fanOut.letWait',
        text: `
          WITH waiting AS (
            UPDATE hook.deliveries SET status = 'PENDING', waiting_since = created_at, parked_version = NULL
            WHERE id = ANY($2) AND status = 'PAUSED' AND run_id IS NULL
          )
          UPDATE hook.webhook_configs SET crowded = true WHERE id = $1 AND NOT crowded`,
        values: [webhookId, deliveryIds],
      });
    },

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
               SET status = CASE status WHEN 'PAUSED' THEN 'IN_PROGRESS' ELSE status END,
                   claimed_by = NULL, claimed_until = now(), parked_version = NULL
               WHERE id = ANY($1) AND status IN ('PAUSED', 'PENDING', 'IN_PROGRESS')`,
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
