/**
 * Claims: which process starts a delivery's workflow. A claim that lapsed belongs to nobody, and the
 * sweep takes it over; whoever comes second meets the running workflow and leaves it alone.
 */
import type { Pool } from 'pg';
import type { RetryPolicy } from '../domain/retry-policy';
import type { Claim } from './events';

/** What starting a workflow needs to know of a delivery. */
export interface ClaimedDelivery {
  readonly id: string;
  readonly tenantId: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly replayNo: number;
  readonly url: string;
  readonly retryPolicy: RetryPolicy;
  readonly timeoutMs: number;
  readonly ttlSeconds: number;
  readonly healthy: boolean;
}

export interface Claims {
  /** Claims up to `limit` deliveries whose claim has lapsed, oldest first. */
  takeOver(claim: Claim, limit: number): Promise<ClaimedDelivery[]>;
  /** The workflow runs: there is nothing left to claim. */
  settle(deliveryIds: readonly string[]): Promise<void>;
  /** Runs `work` unless another process is doing the same right now. */
  alone(work: () => Promise<void>): Promise<void>;
}

/** Any number, as long as nothing else in the database locks it. */
const sweepLockId = 5_301_001;

export function createClaims(workerPool: Pool): Claims {
  return {
    async takeOver(claim, limit) {
      const { rows } = await workerPool.query<ClaimedRow>({
        name: 'claims.takeOver',
        text: `
          WITH lapsed AS (
            SELECT id FROM hook.deliveries
            WHERE claimed_until < now() AND status = 'PENDING'
            ORDER BY claimed_until LIMIT $3 FOR UPDATE SKIP LOCKED
          ), taken AS (
            UPDATE hook.deliveries d
            SET claimed_by = $1, claimed_until = now() + $2 * interval '1 millisecond'
            FROM lapsed WHERE d.id = lapsed.id
            RETURNING d.id, d.tenant_id, d.webhook_id, d.event_id, d.event_type, d.replay_no
          )
          SELECT taken.*, w.url, w.retry_policy, w.timeout_ms, w.ttl_seconds, w.consecutive_failures = 0 AS healthy
          FROM taken JOIN hook.webhook_configs w ON w.id = taken.webhook_id
          ORDER BY taken.id`,
        values: [claim.by, claim.forMs, limit],
      });
      return rows.map((row) => ({
        id: row.id,
        tenantId: row.tenant_id,
        webhookId: row.webhook_id,
        eventId: row.event_id,
        eventType: row.event_type,
        replayNo: row.replay_no,
        url: row.url,
        retryPolicy: row.retry_policy,
        timeoutMs: row.timeout_ms,
        ttlSeconds: row.ttl_seconds,
        healthy: row.healthy,
      }));
    },

    async settle(deliveryIds) {
      await workerPool.query({
        name: 'claims.settle',
        text: `UPDATE hook.deliveries SET status = 'IN_PROGRESS', claimed_by = NULL, claimed_until = NULL
               WHERE id = ANY($1) AND status = 'PENDING'`,
        values: [deliveryIds],
      });
    },

    async alone(work) {
      const client = await workerPool.connect();
      try {
        const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
          sweepLockId,
        ]);
        if (!rows[0]?.locked) return;
        try {
          await work();
        } finally {
          await client.query('SELECT pg_advisory_unlock($1)', [sweepLockId]);
        }
      } finally {
        client.release();
      }
    },
  };
}

interface ClaimedRow {
  id: string;
  tenant_id: string;
  webhook_id: string;
  event_id: string;
  event_type: string;
  replay_no: number;
  url: string;
  retry_policy: RetryPolicy;
  timeout_ms: number;
  ttl_seconds: number;
  healthy: boolean;
}
