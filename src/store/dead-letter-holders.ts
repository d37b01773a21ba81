/** Which webhook holds most of the dead letters that a tenant has too many of. */
import type { Pool } from 'pg';
import type { WebhookState } from '../domain/webhook-state';

export interface DeadLetterHolder {
  readonly webhookId: string;
  /** Null once the webhook is deleted. */
  readonly state: WebhookState | null;
  /** Unresolved dead letters of the webhook, and of the tenant. */
  readonly held: number;
  readonly total: number;
  /** The tenant's max_dlq_size. */
  readonly limit: number;
}

/** @returns undefined without a dead letter; of webhooks that hold as many the one with the latest */
export type FindLargestHolder = (tenantId: string) => Promise<DeadLetterHolder | undefined>;

/** Only the newest are looked at, or one more than the limit where that is more. */
const newest = 10_000;

export function createDeadLetterHolders(workerPool: Pool): FindLargestHolder {
  return async (tenantId) => {
    const { rows } = await workerPool.query<DeadLetterHolder>({
      name: 'deadLetters.largestHolder',
      text: `
        WITH allowed AS (
          SELECT COALESCE((SELECT max_dlq_size FROM hook.quotas WHERE tenant_id = $1), 100) AS size
        ), dead AS (
          SELECT webhook_id, completed_at FROM hook.deliveries
          WHERE tenant_id = $1 AND status = 'DEAD_LETTER' AND resolved_at IS NULL
          ORDER BY completed_at DESC, id DESC
          LIMIT (SELECT GREATEST(size::bigint + 1, $2) FROM allowed)
        ), largest AS (
          SELECT webhook_id, count(*)::integer AS held, (sum(count(*)) OVER ())::integer AS total
          FROM dead GROUP BY webhook_id
          ORDER BY count(*) DESC, max(completed_at) DESC, webhook_id DESC LIMIT 1
        )
        SELECT webhook_id AS "webhookId", held, total, size AS "limit", w.state
        FROM allowed CROSS JOIN largest
        LEFT JOIN hook.webhook_configs w ON w.id = largest.webhook_id AND w.deleted_at IS NULL`,
      values: [tenantId, newest],
    });
    return rows[0];
  };
}
