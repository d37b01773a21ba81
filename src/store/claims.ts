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
  /** Its workflow was started before; it had recorded nothing when it was last looked at. */
  readonly started: boolean;
  readonly url: string;
  readonly retryPolicy: RetryPolicy;
  readonly timeoutMs: number;
  readonly ttlSeconds: number;
  readonly healthy: boolean;
}

export interface Claims {
  /** Claims up to `limit` deliveries whose claim has lapsed, oldest first; none while another process is at it. */
  takeOver(claim: Claim, limit: number): Promise<ClaimedDelivery[]>;
  /** The workflow of this replay runs. Somebody looks again, but not soon, in case that records nothing. */
  markStarted(claim: Claim, deliveryId: string, replayNo: number): Promise<void>;
  /** Gives back what this process will not start any more, so that another need not wait. */
  release(claim: Claim, deliveryIds: readonly string[]): Promise<void>;
}

/** Times a claim's length until a workflow that runs is looked at again: each look costs calls to Temporal. */
const startedClaims = 10;

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
            WHERE claimed_until < now() AND status IN ('PENDING', 'IN_PROGRESS')
              AND (SELECT pg_try_advisory_xact_lock($4))
            ORDER BY claimed_until LIMIT $3 FOR UPDATE SKIP LOCKED
          ), taken AS (
            UPDATE hook.deliveries d
            SET claimed_by = $1, claimed_until = now() + $2 * interval '1 millisecond'
            FROM lapsed WHERE d.id = lapsed.id
            RETURNING d.id, d.tenant_id, d.webhook_id, d.event_id, d.event_type, d.replay_no,
                      d.status = 'IN_PROGRESS' AS started
          )
          SELECT taken.*, w.url, w.retry_policy, w.timeout_ms, w.ttl_seconds, w.consecutive_failures = 0 AS healthy
          FROM taken JOIN hook.webhook_configs w ON w.id = taken.webhook_id
          ORDER BY taken.id`,
        values: [claim.by, claim.forMs, limit, sweepLockId],
      });
      return rows.map((row) => ({
        id: row.id,
        tenantId: row.tenant_id,
        webhookId: row.webhook_id,
        eventId: row.event_id,
        eventType: row.event_type,
        replayNo: row.replay_no,
        started: row.started,
        url: row.url,
        retryPolicy: row.retry_policy,
        timeoutMs: row.timeout_ms,
        ttlSeconds: row.ttl_seconds,
        healthy: row.healthy,
      }));
    },

    async markStarted(claim, deliveryId, replayNo) {
      await workerPool.query({
        name: 'claims.markStarted',
        text: `UPDATE hook.deliveries
               SET status = 'IN_PROGRESS', claimed_until = now() + $2 * interval '1 millisecond'
               WHERE id = $1 AND status IN ('PENDING', 'IN_PROGRESS') AND claimed_by = $3 AND replay_no = $4`,
        values: [deliveryId, claim.forMs * startedClaims, claim.by, replayNo],
      });
    },

    async release(claim, deliveryIds) {
      await workerPool.query({
        name: 'claims.release',
        text: 'UPDATE hook.deliveries SET claimed_until = now() WHERE id = ANY($1) AND claimed_by = $2',
        values: [deliveryIds, claim.by],
      });
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
  started: boolean;
  url: string;
  retry_policy: RetryPolicy;
  timeout_ms: number;
  ttl_seconds: number;
  healthy: boolean;
}
