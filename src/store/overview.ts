/**
 * How all tenants together are doing. It crosses tenants, so it runs as the worker's role. Each count stops
 * at `maxCount`, and goes tenant by tenant, or state by state, along an index: the large tables have none
 * that leads by anything else, and one would cost each delivery a write.
 */
import type { Pool } from 'pg';
import type { DeliveryStatus } from '../domain/delivery-state';
import { inTransaction } from './tenant-scope';
import type { WebhookState } from '../domain/webhook-state';

/** Stands for that many or more. */
export const maxCount = 100_000;

export const openStatuses = ['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED'] as const satisfies DeliveryStatus[];

export type OpenStatus = (typeof openStatuses)[number];

export interface Overview {
  readonly tenants: number;
  readonly webhooks: Record<WebhookState, number>;
  readonly unhealthyWebhooks: number;
  /** Accepted since 24 hours ago. */
  readonly events: number;
  readonly backlog: Record<OpenStatus, number>;
  /** When the oldest open delivery was created; null without any. */
  readonly oldestOpenAt: Date | null;
  /** Those that nobody has resolved. */
  readonly deadLetters: number;
}

export type ReadOverview = () => Promise<Overview>;

/**
 * Paused or disabled by Everhook itself, or failing: its last attempt did not succeed. Word for word the
 * condition of the index webhook_configs_unhealthy.
 */
export const unhealthySql = `(failing_since IS NOT NULL OR state_reason IN ('gone', 'failing', 'dlq_full'))`;

/**
 * From the average of all tenants the planner would conclude that reading a whole table for each of them is
 * cheaper than an index; most tenants have next to nothing, and there may be thousands of them.
 */
const begin = 'BEGIN READ ONLY; SET LOCAL enable_seqscan = off';

export function createOverview(workerPool: Pool): ReadOverview {
  return () =>
    inTransaction(workerPool, begin, async (client) => {
      const read = async <T extends object>(text: string): Promise<T[]> => (await client.query<T>(text)).rows;
      const count = async (rows: string): Promise<number> => {
        const text = `SELECT count(*)::int AS count FROM (${rows} LIMIT ${maxCount}) counted`;
        return (await read<{ count: number }>(text))[0]?.count ?? 0;
      };
      return {
        tenants: await count('SELECT 1 FROM hook.tenants WHERE deleted_at IS NULL'),
        webhooks: toRecord({ active: 0, paused: 0, disabled: 0 }, await read(webhooksSql)),
        unhealthyWebhooks: await count(
          `SELECT 1 FROM hook.webhook_configs WHERE deleted_at IS NULL AND ${unhealthySql}`,
        ),
        events: await count(ofEachTenant("hook.events r WHERE r.created_at >= now() - interval '24 hours'")),
        backlog: toRecord({ PENDING: 0, IN_PROGRESS: 0, FAILED_RETRY: 0, PAUSED: 0 }, await read(backlogSql)),
        oldestOpenAt: (await read<{ at: Date | null }>(oldestSql))[0]?.at ?? null,
        deadLetters: await count(
          ofEachTenant("hook.deliveries r WHERE r.status = 'DEAD_LETTER' AND r.resolved_at IS NULL"),
        ),
      };
    });
}

/** @param rows of a table that is `r` in the conditions */
function ofEachTenant(rows: string): string {
  return `SELECT 1 FROM hook.tenants t
    CROSS JOIN LATERAL (SELECT 1 FROM ${rows} AND r.tenant_id = t.id LIMIT ${maxCount}) of_tenant`;
}

const webhooksSql = `
  SELECT s.state AS name, count(*)::int AS count FROM unnest(ARRAY['active', 'paused', 'disabled']) AS s (state)
  CROSS JOIN LATERAL (
    SELECT 1 FROM hook.webhook_configs w WHERE w.state = s.state AND w.deleted_at IS NULL LIMIT ${maxCount}
  ) counted
  GROUP BY s.state`;

const openStatusesSql = `unnest(ARRAY[${openStatuses.map((status) => `'${status}'`).join()}]) AS s (status)`;

const backlogSql = `
  SELECT s.status AS name, count(*)::int AS count FROM ${openStatusesSql}
  CROSS JOIN LATERAL (${ofEachTenant("hook.deliveries r WHERE r.status = s.status AND r.status <> 'SUCCESS'")} LIMIT ${maxCount}) counted
  GROUP BY s.status`;

/** Of each tenant and status the lowest id, which the index has first. */
const oldestSql = `
  SELECT min(oldest.created_at) AS at FROM hook.tenants t CROSS JOIN ${openStatusesSql}
  CROSS JOIN LATERAL (
    SELECT d.created_at FROM hook.deliveries d
    WHERE d.tenant_id = t.id AND d.status = s.status AND d.status <> 'SUCCESS' ORDER BY d.id LIMIT 1
  ) oldest`;

function toRecord<N extends string>(
  none: Record<N, number>,
  rows: readonly { readonly name: N; readonly count: number }[],
): Record<N, number> {
  return { ...none, ...Object.fromEntries(rows.map(({ name, count }) => [name, count])) };
}
