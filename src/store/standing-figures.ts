/** How things stand, as operators see it on a dashboard. */
import type { Pool } from 'pg';
import { countLimit } from './backlog';

export interface StandingFigures {
  /** Each counted up to `countLimit`, which stands for that many or more. */
  readonly deadLetters: number;
  readonly pendingRetries: number;
  readonly activeWebhooks: number;
}

export interface QuotaUse {
  readonly tenantId: string;
  /** As in the table of quotas. */
  readonly quota: 'max_dlq_size' | 'max_concurrent_deliveries' | 'max_active_webhooks';
  /** Use ÷ limit. */
  readonly ratio: number;
}

export interface StandingCounts {
  figures(): Promise<StandingFigures>;
  /** The highest first, of at most so many tenants for each quota. */
  quotaUse(tenants: number): Promise<QuotaUse[]>;
}

/** Each walks a partial index that holds what is open and no more. */
const figuresSql = `
  SELECT
    (SELECT count(*)::integer FROM (
       SELECT 1 FROM hook.deliveries WHERE status = 'DEAD_LETTER' AND resolved_at IS NULL LIMIT $1) a) AS "deadLetters",
    (SELECT count(*)::integer FROM (
       SELECT 1 FROM hook.deliveries WHERE status = 'FAILED_RETRY' AND next_attempt_at IS NOT NULL LIMIT $1) b)
      AS "pendingRetries",
    (SELECT count(*)::integer FROM (
       SELECT 1 FROM hook.webhook_configs WHERE state = 'active' AND deleted_at IS NULL LIMIT $1) c) AS "activeWebhooks"`;

const quotaSql = `
  WITH used AS (
    SELECT tenant_id, 'max_dlq_size' AS quota, count(*) AS used FROM (
      SELECT tenant_id FROM hook.deliveries WHERE status = 'DEAD_LETTER' AND resolved_at IS NULL LIMIT $2) dead
    GROUP BY tenant_id
    UNION ALL
    SELECT tenant_id, 'max_concurrent_deliveries', sum(used) FROM hook.in_flight_leases
    WHERE webhook_id = '' AND until > now() GROUP BY tenant_id
    UNION ALL
    SELECT tenant_id, 'max_active_webhooks', count(*) FROM hook.webhook_configs
    WHERE deleted_at IS NULL AND state <> 'disabled' GROUP BY tenant_id
  ), shares AS (
    SELECT tenant_id, quota, (used::float8 / NULLIF(CASE quota
             WHEN 'max_dlq_size' THEN q.max_dlq_size
             WHEN 'max_concurrent_deliveries' THEN q.max_concurrent_deliveries
             ELSE q.max_active_webhooks END, 0)) AS ratio
    FROM used JOIN hook.quotas q USING (tenant_id) WHERE used > 0
  ), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY quota ORDER BY ratio DESC, tenant_id) AS place
    FROM shares WHERE ratio IS NOT NULL
  )
  SELECT tenant_id AS "tenantId", quota, ratio FROM ranked WHERE place <= $1 ORDER BY quota, place`;

export function createStandingCounts(workerPool: Pool): StandingCounts {
  return {
    async figures() {
      const { rows } = await workerPool.query<StandingFigures>({
        name: 'standing.figures',
        text: figuresSql,
        values: [countLimit],
      });
      return rows[0] ?? { deadLetters: 0, pendingRetries: 0, activeWebhooks: 0 };
    },

    async quotaUse(tenants) {
      const { rows } = await workerPool.query<QuotaUse>({
        name: 'standing.quotaUse',
        text: quotaSql,
        values: [tenants, countLimit],
      });
      return rows;
    },
  };
}
