/**
 * How a webhook has fared lately. Every part reads a bounded piece of an index: the newest deliveries
 * of the time asked for, and of each outcome the newest attempts.
 */
import type { Pool, PoolClient } from 'pg';
import { deliveryStatuses, type DeliveryStatus } from '../domain/delivery-state';
import { idBefore } from './id-bounds';
import { withTenantClient } from './tenant-scope';

/** Deliveries beyond it are not looked at; `since` tells how far back the counts go then. */
const maxDeliveries = 100_000;

/** Of each outcome; a percentile of more is hardly another one. */
const maxAttempts = 5_000;

const noDeliveries = Object.fromEntries(deliveryStatuses.map((status) => [status, 0])) as Record<
  DeliveryStatus,
  number
>;

export interface WebhookStats {
  /** Start of what was counted. */
  readonly since: Date;
  readonly byStatus: Record<DeliveryStatus, number>;
  /** Milliseconds; null without an attempt. */
  readonly p50: number | null;
  readonly p95: number | null;
  /** Waiting for an attempt now, and under way now, whenever they were created. */
  readonly queued: number;
  readonly inFlight: number;
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
}

export type ReadWebhookStats = (tenantId: string, webhookId: string, since: Date) => Promise<WebhookStats>;

export function createWebhookStats(pool: Pool): ReadWebhookStats {
  return (tenantId, webhookId, since) =>
    withTenantClient(pool, tenantId, async (client) => {
      const counted = await countDeliveries(client, webhookId, since);
      const attempts = await readAttempts(client, webhookId, since);
      return { ...counted, ...attempts, ...(await countOpen(client, webhookId)) };
    });
}

async function countDeliveries(client: PoolClient, webhookId: string, since: Date) {
  const { rows } = await client.query<{ status: DeliveryStatus; count: number; first: Date }>(
    `SELECT status, count(*)::int AS count, min(created_at) AS first FROM (
       SELECT status, created_at FROM hook.deliveries
       WHERE webhook_id = $1 AND id >= $2 AND created_at >= $3 ORDER BY id DESC LIMIT $4
     ) newest GROUP BY status`,
    [webhookId, idBefore(since), since, maxDeliveries],
  );
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  const firstMs = Math.min(...rows.map(({ first }) => first.getTime()));
  return {
    since: total < maxDeliveries ? since : new Date(firstMs),
    byStatus: { ...noDeliveries, ...Object.fromEntries(rows.map(({ status, count }) => [status, count])) },
  };
}

async function readAttempts(client: PoolClient, webhookId: string, since: Date) {
  const { rows } = await client.query<Pick<WebhookStats, 'p50' | 'p95' | 'lastSuccessAt' | 'lastFailureAt'>>(
    `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95,
            max(attempted_at) FILTER (WHERE outcome = 'success') AS "lastSuccessAt",
            max(attempted_at) FILTER (WHERE outcome <> 'success') AS "lastFailureAt"
     FROM unnest(ARRAY['success', 'retry', 'permanent']) AS o (outcome)
     CROSS JOIN LATERAL (
       SELECT a.duration_ms, a.attempted_at FROM hook.delivery_attempts a
       WHERE a.webhook_id = $1 AND a.outcome = o.outcome AND a.attempted_at >= $2
         -- Leaves out the partitions of other days; a day is the caller's, hence the one before as well.
         AND a.attempted_on >= $2::date - 1
       ORDER BY a.attempted_at DESC LIMIT $3
     ) newest`,
    [webhookId, since, maxAttempts],
  );
  return rows[0] ?? { p50: null, p95: null, lastSuccessAt: null, lastFailureAt: null };
}

async function countOpen(client: PoolClient, webhookId: string) {
  const { rows } = await client.query<Pick<WebhookStats, 'queued' | 'inFlight'>>(
    `SELECT count(*) FILTER (WHERE status <> 'IN_PROGRESS')::int AS queued,
            count(*) FILTER (WHERE status = 'IN_PROGRESS')::int AS "inFlight"
     FROM unnest(ARRAY['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED']) AS s (status)
     CROSS JOIN LATERAL (
       SELECT 1 FROM hook.deliveries d
       WHERE d.webhook_id = $1 AND d.status = s.status AND d.status <> 'SUCCESS' LIMIT $2
     ) open`,
    [webhookId, maxDeliveries],
  );
  return rows[0] ?? { queued: 0, inFlight: 0 };
}
