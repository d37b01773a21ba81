/** What a tenant may use at most, and what it uses now. Each count reads a bounded piece of an index. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import { writeAudit, type Actor } from './audit';
import type { PrismaClient } from './generated/client';
import { withTenant, withTenantClient } from './tenant-scope';

export interface QuotaLimits {
  readonly maxEventsPerSec: number;
  readonly maxConcurrentDeliveries: number;
  readonly maxDlqSize: number;
  readonly maxActiveWebhooks: number;
}

export interface QuotaUsage {
  /** Accepted within the last second. */
  readonly eventsSent: number;
  /** POSTs in flight, as the workers have told within the last second. */
  readonly concurrentDeliveries: number;
  /** Dead letters that nobody has resolved. */
  readonly dlqCount: number;
  /** Active or paused. */
  readonly activeWebhooks: number;
}

export interface Quotas {
  /** @throws NOT_FOUND */
  get(tenantId: string): Promise<{ limits: QuotaLimits; usage: QuotaUsage }>;
  /** What is there already stays, also beyond a limit that was lowered. @throws NOT_FOUND */
  update(tenantId: string, change: Partial<QuotaLimits>, actor: Actor): Promise<void>;
  /** Leaves an audit row that the system refused something. */
  recordExceeded(tenantId: string, quota: string, limit: number): Promise<void>;
}

/** Beyond it nothing is counted; far above any limit that may be set. */
const maxCount = 1_000_001;

export function createQuotas(servicePool: Pool, servicePrisma: PrismaClient): Quotas {
  return {
    get: (tenantId) =>
      withTenantClient(servicePool, tenantId, async (client) => {
        const { rows } = await client.query<QuotaLimits & QuotaUsage>(
          `SELECT q.max_events_per_sec AS "maxEventsPerSec", q.max_concurrent_deliveries AS "maxConcurrentDeliveries",
                  q.max_dlq_size AS "maxDlqSize", q.max_active_webhooks AS "maxActiveWebhooks",
             (SELECT count(*)::integer FROM (
                SELECT 1 FROM hook.events WHERE tenant_id = $1 AND created_at > now() - interval '1 second' LIMIT $2
              ) sent) AS "eventsSent",
             (SELECT COALESCE(sum(used), 0)::integer FROM hook.in_flight_leases
              WHERE tenant_id = $1 AND webhook_id = '' AND until > now()) AS "concurrentDeliveries",
             (SELECT count(*)::integer FROM (
                SELECT 1 FROM hook.deliveries
                WHERE tenant_id = $1 AND status = 'DEAD_LETTER' AND resolved_at IS NULL LIMIT $2
              ) dead) AS "dlqCount",
             (SELECT count(*)::integer FROM hook.webhook_configs
              WHERE tenant_id = $1 AND deleted_at IS NULL AND state <> 'disabled') AS "activeWebhooks"
           FROM hook.tenants t JOIN hook.quotas q ON q.tenant_id = t.id WHERE t.id = $1 AND t.deleted_at IS NULL`,
          [tenantId, maxCount],
        );
        if (!rows[0]) throw notFound(tenantId);
        const { eventsSent, concurrentDeliveries, dlqCount, activeWebhooks, ...limits } = rows[0];
        return { limits, usage: { eventsSent, concurrentDeliveries, dlqCount, activeWebhooks } };
      }),

    update: (tenantId, change, actor) =>
      withTenant(servicePrisma, tenantId, async (tx) => {
        // Two changes come one after the other, so that each audit row tells what it changed.
        await tx.$queryRaw`SELECT 1 FROM hook.quotas WHERE tenant_id = ${tenantId} FOR UPDATE`;
        const before = await tx.quota.findFirst({ where: { tenantId, tenant: { deletedAt: null } } });
        if (!before) throw notFound(tenantId);
        await tx.quota.update({ where: { tenantId }, data: change });
        await writeAudit(tx, {
          tenantId,
          action: 'quota.updated',
          actor,
          target: `tenant:${tenantId}`,
          details: { before: toDetails(before, change), after: toDetails({ ...before, ...change }, change) },
        });
      }),

    recordExceeded: (tenantId, quota, limit) =>
      withTenant(servicePrisma, tenantId, (tx) =>
        writeAudit(tx, {
          tenantId,
          action: 'quota.exceeded',
          actor: { name: 'everhook' },
          target: `tenant:${tenantId}`,
          details: { quota, limit },
        }),
      ),
  };
}

/** As the API names them; of those that change, and no others. */
function toDetails(limits: QuotaLimits, change: Partial<QuotaLimits>): Record<string, number> {
  return {
    ...(change.maxEventsPerSec !== undefined && { max_events_per_sec: limits.maxEventsPerSec }),
    ...(change.maxConcurrentDeliveries !== undefined && { max_concurrent_deliveries: limits.maxConcurrentDeliveries }),
    ...(change.maxDlqSize !== undefined && { max_dlq_size: limits.maxDlqSize }),
    ...(change.maxActiveWebhooks !== undefined && { max_active_webhooks: limits.maxActiveWebhooks }),
  };
}

function notFound(tenantId: string): EverhookError {
  return new EverhookError('NOT_FOUND', `no tenant ${tenantId}`);
}
