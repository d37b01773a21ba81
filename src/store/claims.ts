/**
 * Claims: which process starts a delivery's workflow. A claim that lapsed belongs to nobody, and the
 * sweep takes it over; whoever comes second meets the running workflow and leaves it alone.
 */
import type { Pool } from 'pg';
import type { RetryPolicy } from '../domain/retry-policy';
import type { Claim } from './events';
import { isExpired } from './expiry';
import { anyIdOf } from './found-ids';

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
  /** Its first attempt is, or was, the direct lane's, and no workflow has gone on from there. */
  readonly direct: boolean;
  /** As the event has it; left out where somebody else has accepted it, whose start is no part of the trace. */
  readonly traceparent?: string | null;
}

export interface OpenDelivery extends ClaimedDelivery {
  /** When its next attempt is due; null when that is at once, or when it is parked. */
  readonly nextAttemptAt: Date | null;
}

export interface Claims {
  /**
   * Claims up to `limit` deliveries whose claim has lapsed, of all tenants alike and the oldest of each first; none
   * while another process is at it.
   */
  takeOver(claim: Claim, limit: number): Promise<ClaimedDelivery[]>;
  /**
   * Claims up to `limit` deliveries whose retry should have been made by now, the most overdue first; not those that
   * wait for a slot. The claim holds long: most of them have a workflow that only comes late.
   */
  takeOverdue(claim: Claim, limit: number): Promise<ClaimedDelivery[]>;
  /** Deliveries that were started and have not ended, in the order of their ids, whoever has claimed them. */
  open(afterId: string, limit: number): Promise<OpenDelivery[]>;
  /** Whether this replay of it has not come to its end. */
  isOpen(deliveryId: string, replayNo: number): Promise<boolean>;
  /** The workflow of this replay runs. Somebody looks again, but not soon, in case that records nothing. */
  markStarted(claim: Claim, deliveryId: string, replayNo: number): Promise<void>;
  /** Gives back what this process will not start any more, so that another need not wait. */
  release(claim: Claim, deliveryIds: readonly string[]): Promise<void>;
}

/** Times a claim's length until a workflow that runs is looked at again: each look costs calls to Temporal. */
const startedClaims = 10;

/** Any number, as long as nothing else in the database locks it. */
const sweepLockId = 5_301_001;

/** Claim lengths after which a retry counts as overdue: workers that are behind have that long to catch up. */
const overdueClaims = 2;

/** What has expired is ended without a workflow. */
const isLapsed = `claimed_until < now() AND status IN ('PENDING', 'IN_PROGRESS') AND NOT (${isExpired})`;

/**
 * Ids of up to $3 deliveries; each tenant has the same part of them, and what one does not need is left to the next
 * look. It steps from tenant to tenant along the index, however many deliveries each has.
 */
const lapsedOfAllTenants = `
  WITH RECURSIVE tenant AS (
    (SELECT tenant_id FROM hook.deliveries WHERE claimed_until IS NOT NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.tenant_id FROM hook.deliveries d
            WHERE d.claimed_until IS NOT NULL AND d.tenant_id > tenant.tenant_id ORDER BY d.tenant_id LIMIT 1)
    FROM tenant WHERE tenant.tenant_id IS NOT NULL
  ), behind AS (
    SELECT tenant_id FROM tenant
    WHERE EXISTS (SELECT 1 FROM hook.deliveries d WHERE d.tenant_id = tenant.tenant_id AND ${isLapsed} OFFSET 0)
  )
  SELECT lapsed.id FROM behind, LATERAL (
    SELECT id, claimed_until FROM hook.deliveries d WHERE d.tenant_id = behind.tenant_id AND ${isLapsed}
    ORDER BY claimed_until LIMIT (SELECT ceil($3::numeric / count(*))::integer FROM behind)
  ) lapsed
  ORDER BY lapsed.claimed_until LIMIT $3`;

/** Of delivery `d` and webhook `w`. */
export const claimedColumns = `d.id, d.tenant_id AS "tenantId", d.webhook_id AS "webhookId", d.event_id AS "eventId",
  d.event_type AS "eventType", d.replay_no AS "replayNo", d.status <> 'PENDING' AS started, w.url,
  w.retry_policy AS "retryPolicy", w.timeout_ms AS "timeoutMs", w.ttl_seconds AS "ttlSeconds",
  w.consecutive_failures = 0 AS healthy,
  d.replay_no = 0 AND d.run_id IS NULL AND (w.lane = 'direct' OR d.attempts > 0) AS direct`;

export function createClaims(workerPool: Pool): Claims {
  /** One process at a time; the others find nothing. */
  const take = async ({ name, where, order, claim, limit, values = [] }: Take): Promise<ClaimedDelivery[]> => {
    const { rows } = await workerPool.query<ClaimedDelivery>({
      name,
      text: `
        WITH found AS (
          SELECT id FROM hook.deliveries
          WHERE ${where} AND (SELECT pg_try_advisory_xact_lock($4))
          ORDER BY ${order} LIMIT $3 FOR UPDATE SKIP LOCKED
        ), taken AS (
          UPDATE hook.deliveries d
          SET claimed_by = $1, claimed_until = now() + $2 * interval '1 millisecond'
          WHERE d.id = ${anyIdOf('found')}
          RETURNING d.*
        )
        SELECT ${claimedColumns} FROM taken d JOIN hook.webhook_configs w ON w.id = d.webhook_id ORDER BY d.id`,
      values: [claim.by, claim.forMs, limit, sweepLockId, ...values],
    });
    return rows;
  };
  return {
    takeOver: (claim, limit) =>
      take({
        name: 'claims.takeOver',
        where: `id = ANY(ARRAY(${lapsedOfAllTenants})) AND ${isLapsed}`,
        order: 'claimed_until',
        claim,
        limit,
      }),

    takeOverdue: (claim, limit) =>
      take({
        name: 'claims.takeOverdue',
        where: `status = 'FAILED_RETRY' AND next_attempt_at < now() - $5 * interval '1 millisecond'
          AND (claimed_until IS NULL OR claimed_until < now()) AND waiting_since IS NULL`,
        order: 'next_attempt_at',
        claim: { by: claim.by, forMs: claim.forMs * startedClaims },
        limit,
        values: [claim.forMs * overdueClaims],
      }),

    async open(afterId, limit) {
      const { rows } = await workerPool.query<OpenDelivery>({
        name: 'claims.open',
        text: `
          SELECT ${claimedColumns}, d.next_attempt_at AS "nextAttemptAt"
          FROM hook.deliveries d JOIN hook.webhook_configs w ON w.id = d.webhook_id
          WHERE d.status IN ('PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED') AND d.id > $1
            AND (d.run_id IS NOT NULL OR d.claimed_until IS NOT NULL OR d.attempts > 0)
          ORDER BY d.id LIMIT $2`,
        values: [afterId, limit],
      });
      return rows;
    },

    async isOpen(deliveryId, replayNo) {
      const { rowCount } = await workerPool.query({
        name: 'claims.isOpen',
        text: `SELECT 1 FROM hook.deliveries
               WHERE id = $1 AND replay_no = $2 AND status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')`,
        values: [deliveryId, replayNo],
      });
      return rowCount === 1;
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

/** What the sweep takes, in SQL. */
interface Take {
  readonly name: string;
  readonly where: string;
  readonly order: string;
  readonly claim: Claim;
  readonly limit: number;
  /** Parameters of `where`, from $5 on. */
  readonly values?: readonly unknown[];
}
