/** How things stand in Postgres and Temporal. Each worker tells the same: take the maximum over them, not the sum. */
import { Gauge, type Registry } from 'prom-client';

export function standingMetrics(registers: Registry[]) {
  return {
    queueDepth: new Gauge({
      name: 'webhook_queue_depth',
      help: 'Accepted deliveries that are due and not under way; the same from every worker',
      registers,
    }),
    dlqSize: new Gauge({
      name: 'webhook_dlq_size',
      help: 'Dead letters that nobody has resolved; the same from every worker',
      registers,
    }),
    pendingRetries: new Gauge({
      name: 'hook_pending_retries_count',
      help: 'Deliveries that have failed and wait for their next attempt; the same from every worker',
      registers,
    }),
    webhooksActive: new Gauge({
      name: 'hook_webhooks_active_total',
      help: 'Webhooks that take events; the same from every worker',
      registers,
    }),
    backlog: new Gauge({
      name: 'hook_backlog_deliveries',
      help: 'Accepted deliveries that wait in Postgres, by what for; the same from every worker',
      labelNames: ['state'],
      registers,
    }),
    backlogOldestSeconds: new Gauge({
      name: 'hook_backlog_oldest_seconds',
      help: 'For how long the oldest of them has been waiting; the same from every worker',
      labelNames: ['state'],
      registers,
    }),
    quotaUsed: new Gauge({
      name: 'hook_quota_used_ratio',
      help: 'Use of a quota ÷ its limit, of the tenants nearest to it; the same from every worker',
      labelNames: ['quota', 'tenant_id'],
      registers,
    }),
    taskQueueBacklog: new Gauge({
      name: 'hook_task_queue_backlog',
      help: 'Tasks that wait in Temporal for a worker, by kind, as the server estimates; the same from every worker',
      labelNames: ['type'],
      registers,
    }),
  };
}
