/**
 * Our Prometheus metrics. Each process has one registry of its own; nothing is registered globally,
 * so that several systems can run in one process, as tests do.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    eventsAccepted: new Counter({
      name: 'webhook_events_emitted_total',
      help: 'Events accepted by the API',
      registers,
    }),
    refused: new Counter({
      name: 'hook_rate_limited_total',
      help: 'Events and management requests refused because a limit was reached, by limit',
      labelNames: ['limit'],
      registers,
    }),
    attempts: new Counter({
      name: 'webhook_deliveries_attempted_total',
      help: 'Attempts made, by outcome',
      labelNames: ['status'],
      registers,
    }),
    attemptSeconds: new Histogram({
      name: 'hook_delivery_duration_seconds',
      help: 'Duration of one attempt, from connecting to the end of the answer',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    ended: new Counter({
      name: 'hook_deliveries_ended_total',
      help: 'Deliveries that ended without success, by reason',
      labelNames: ['reason'],
      registers,
    }),
    dlqFullPauses: new Counter({
      name: 'hook_webhooks_paused_dlq_full_total',
      help: 'Webhooks paused because their tenant had too many dead letters',
      registers,
    }),
    starts: new Counter({
      name: 'hook_workflow_starts_total',
      help: 'Workflow starts, by result',
      labelNames: ['result'],
      registers,
    }),
    startBacklog: new Gauge({
      name: 'hook_workflow_start_backlog',
      help: 'Accepted deliveries in this process whose workflow is yet to be started',
      registers,
    }),
    directBacklog: new Gauge({
      name: 'hook_direct_backlog',
      help: 'Accepted deliveries of the direct lane in this process whose first attempt is yet to be made',
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
    apiSeconds: new Histogram({
      name: 'hook_api_duration_seconds',
      help: 'Duration of API requests',
      labelNames: ['method', 'path', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
