/** Tells the metrics how things stand in Postgres and in Temporal. */
import type { Pool } from 'pg';
import { createBacklogCount } from '../store/backlog';
import { createStandingCounts } from '../store/standing-figures';
import type { Telemetry } from '../telemetry/events';
import type { TemporalLink } from '../temporal/link';
import { taskTypes } from '../temporal/task-queue-backlog';

/** Tenants that have series of their own, of each quota. */
const quotaTenants = 20;

/** @returns what looks at the database, and what looks at Temporal, which may be away by itself */
export function createStandingSweep(
  { metrics }: Telemetry,
  workerPool: Pool,
  temporal: TemporalLink,
): Readonly<Record<'database' | 'temporal', () => Promise<void>>> {
  const countBacklog = createBacklogCount(workerPool);
  const counts = createStandingCounts(workerPool);
  return {
    async database() {
      const backlog = await countBacklog();
      for (const { state, deliveries, oldestSeconds } of backlog) {
        metrics.backlog.set({ state }, deliveries);
        metrics.backlogOldestSeconds.set({ state }, oldestSeconds);
      }
      metrics.queueDepth.set(backlog.reduce((sum, { deliveries }) => sum + deliveries, 0));
      const { deadLetters, pendingRetries, activeWebhooks } = await counts.figures();
      metrics.dlqSize.set(deadLetters);
      metrics.pendingRetries.set(pendingRetries);
      metrics.webhooksActive.set(activeWebhooks);
      const used = await counts.quotaUse(quotaTenants);
      metrics.quotaUsed.reset();
      for (const { quota, tenantId, ratio } of used) metrics.quotaUsed.set({ quota, tenant_id: tenantId }, ratio);
    },

    async temporal() {
      for (const type of taskTypes) metrics.taskQueueBacklog.set({ type }, await temporal.backlog(type));
    },
  };
}
