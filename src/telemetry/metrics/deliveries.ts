/** What happens to events and deliveries. */
import { Counter, Histogram, type Registry } from 'prom-client';

export function deliveryMetrics(registers: Registry[]) {
  return {
    eventsAccepted: new Counter({
      name: 'webhook_events_emitted_total',
      help: 'Events accepted by the API, by type',
      labelNames: ['type'],
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
      help: 'Attempts made, by outcome and type of the event',
      labelNames: ['status', 'event_type'],
      registers,
    }),
    attemptNumbers: new Counter({
      name: 'hook_delivery_attempts_total',
      help: 'Attempts made, by their number in the delivery and their outcome',
      labelNames: ['attempt_number', 'outcome'],
      registers,
    }),
    successes: new Counter({
      name: 'hook_delivery_success_total',
      help: 'Attempts that were answered with success, by their number in the delivery',
      labelNames: ['attempt_number'],
      registers,
    }),
    failures: new Counter({
      name: 'hook_delivery_failures_total',
      help: 'Attempts that failed, by the status of the answer (none without one) and what went wrong',
      labelNames: ['http_status_code', 'error_code'],
      registers,
    }),
    attemptSeconds: new Histogram({
      name: 'hook_delivery_duration_seconds',
      help: 'Duration of one attempt, from connecting to the end of the answer',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    latencySeconds: new Histogram({
      name: 'webhook_delivery_latency_seconds',
      help: 'From accepting an event to its successful delivery, retries and pauses included, replays left out',
      // Five minutes is the objective of docs/slo.md.
      buckets: [0.1, 0.5, 1, 5, 10, 60, 300, 3600, 36_000],
      registers,
    }),
    ended: new Counter({
      name: 'hook_deliveries_ended_total',
      help: 'Deliveries that ended without success, by reason',
      labelNames: ['reason'],
      registers,
    }),
    deadLettered: new Counter({
      name: 'hook_deliveries_dead_lettered_total',
      help: 'Deliveries that became dead letters',
      registers,
    }),
    dlqFullPauses: new Counter({
      name: 'hook_webhooks_paused_dlq_full_total',
      help: 'Webhooks paused because their tenant had too many dead letters',
      registers,
    }),
  };
}
