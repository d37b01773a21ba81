/**
 * One function per thing that happens: log line and metric together, so that they cannot disagree.
 * Ids stay out of metric labels, because each new id would open a new time series.
 */
import type { AttemptErrorCode } from '../domain/attempt-outcome';
import { statusOf, type EndReason } from '../domain/delivery-state';
import type { StartResult } from '../temporal/client';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { redactText } from './redact';

export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface DeliveryIds {
  readonly delivery_id: string;
  readonly tenant_id: string;
  readonly webhook_id: string;
}

export interface EventAccepted {
  readonly tenant_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly webhooks_queued: number;
}

export function eventAccepted({ log, metrics }: Telemetry, fact: EventAccepted): void {
  log.info({ event: 'hook.dispatch_received', ...fact });
  metrics.eventsAccepted.inc({ type: typeLabel(metrics, fact.event_type) });
}

/** Types are the same in any case. */
function typeLabel(metrics: Metrics, eventType: string): string {
  return metrics.eventTypes.of(eventType.toLowerCase());
}

/** Because the tenant has published as many as it may for now. No line for each: the client hears of it. */
export function eventsRefused({ metrics }: Telemetry, { count }: { readonly count: number }): void {
  metrics.refused.inc({ limit: 'events_per_second' }, count);
}

/** Because the tenant has made as many requests as it may for now. */
export function managementRefused({ metrics }: Telemetry): void {
  metrics.refused.inc({ limit: 'management_per_minute' });
}

/** Told once in a while, however much is refused. */
export function quotaExceeded(
  { log }: Telemetry,
  fact: { readonly tenant_id: string; readonly quota: string; readonly limit: number },
): void {
  log.warn({ event: 'quota.exceeded', ...fact });
}

export interface AttemptFinished extends DeliveryIds {
  readonly event_type: string;
  readonly attempt: number;
  readonly outcome: 'success' | 'retry' | 'permanent';
  readonly http_status_code: number | null;
  readonly error_code: AttemptErrorCode | null;
  readonly duration_ms: number;
  /** From accepting the event to its success; null for what did not succeed, and for replays. */
  readonly delivery_latency_ms: number | null;
}

/** What is stored was altered, moved, or has lost its data key; until somebody sets it anew, nothing can be sent. */
export function secretUnreadable({ log }: Telemetry, fact: DeliveryIds & { readonly err: Error }): void {
  log.error({ event: 'secret.unreadable', ...fact });
}

/** Of numbers beyond it, metrics tell only that they are. */
const maxAttemptNumber = 10;

/** The canonical record of one attempt. */
export function attemptFinished({ log, metrics }: Telemetry, fact: AttemptFinished): void {
  if (fact.outcome === 'success') log.info({ event: 'hook.delivery_success', ...fact });
  else if (fact.error_code === 'redirect_rejected') log.warn({ event: 'hook.redirect_rejected', ...fact });
  else log.warn({ event: 'hook.delivery_failed', ...fact });
  const attempt_number = fact.attempt > maxAttemptNumber ? 'more' : String(fact.attempt);
  metrics.attempts.inc({ status: fact.outcome, event_type: typeLabel(metrics, fact.event_type) });
  metrics.attemptNumbers.inc({ attempt_number, outcome: fact.outcome });
  metrics.attemptSeconds.observe(fact.duration_ms / 1000);
  if (fact.outcome === 'success') metrics.successes.inc({ attempt_number });
  else {
    const http_status_code = fact.http_status_code ?? 'none';
    metrics.failures.inc({ http_status_code, error_code: fact.error_code ?? 'none' });
  }
  if (fact.delivery_latency_ms !== null) metrics.latencySeconds.observe(fact.delivery_latency_ms / 1000);
}

export interface DeliveryEnded extends DeliveryIds {
  readonly reason: EndReason;
  readonly attempts: number;
}

export function deliveryEnded({ log, metrics }: Telemetry, fact: DeliveryEnded): void {
  metrics.ended.inc({ reason: fact.reason });
  if (statusOf(fact.reason) === 'CANCELLED') return log.warn({ event: 'hook.delivery_cancelled', ...fact });
  log.warn({ event: 'hook.dead_lettered', action: 'dlq_insert', ...fact });
  metrics.deadLettered.inc();
}

/** By the API, not by the delivery's workflow. */
export function deliveryCancelled(telemetry: Telemetry, fact: Omit<DeliveryEnded, 'reason'>): void {
  deliveryEnded(telemetry, { ...fact, reason: 'CANCELLED' });
}

export function deliveryReplayed({ log }: Telemetry, fact: DeliveryIds & { readonly replay_no: number }): void {
  log.info({ event: 'delivery.replayed', ...fact });
}

/**
 * Starts of workflows. While Temporal is away every one of them fails, so the log tells when that
 * begins and ends; the metric counts each.
 */
export class StartTelemetry {
  private failures = 0;

  constructor(private readonly telemetry: Telemetry) {}

  succeeded(result: StartResult): void {
    const { log, metrics } = this.telemetry;
    metrics.starts.inc({ result });
    if (this.failures > 0) log.info({ event: 'workflow.starts_work_again', failed: this.failures });
    this.failures = 0;
  }

  /** The claim is kept: when it lapses, the sweep starts the workflow. */
  failed(deliveryId: string, error: unknown): void {
    const { log, metrics } = this.telemetry;
    metrics.starts.inc({ result: 'failed' });
    log[this.failures === 0 ? 'warn' : 'debug']({
      event: 'workflow.start_failed',
      delivery_id: deliveryId,
      err: error,
    });
    this.failures++;
  }
}

/** A statement was not carried out, or a connection broke; whoever wanted it says what that meant. */
export function databaseFailed({ log, metrics }: Telemetry, operation: string, error: unknown): void {
  log.error({ event: 'hook.db_error', operation, err: error });
  metrics.databaseErrors.inc({ operation });
}

export function kmsCalled(
  { log, metrics }: Telemetry,
  { operation, seconds, error }: { readonly operation: string; readonly seconds: number; readonly error?: unknown },
): void {
  metrics.kmsSeconds.observe({ operation }, seconds);
  if (error === undefined) return;
  log.error({ event: 'hook.kms_error', operation, err: error });
  metrics.kmsErrors.inc({ operation });
}

/** The first attempt of the direct lane could not be made or recorded; a workflow goes on with it. */
export function directAttemptFailed({ log }: Telemetry, deliveryId: string, error: unknown): void {
  log.warn({ event: 'direct.attempt_failed', delivery_id: deliveryId, err: error });
}

export function claimsTakenOver({ log }: Telemetry, fact: { count: number }): void {
  log.info({ event: 'outbox.claims_taken_over', ...fact });
}

export function webhookStateChanged(
  { log }: Telemetry,
  fact: { tenant_id: string; webhook_id: string; state: string; reason: string | null; actor: string },
): void {
  // People write the reason.
  const reason = fact.reason === null ? null : redactText(fact.reason);
  log.info({ event: 'webhook.state_changed', ...fact, reason });
}

/** Nothing to tell of a look that found nothing to do. */
export function webhookCaughtUp(
  { log }: Telemetry,
  fact: { webhook_id: string; resumed: number; cancelled: number; replayed: number },
): void {
  if (fact.resumed + fact.cancelled + fact.replayed > 0) log.info({ event: 'webhook.caught_up', ...fact });
}

/** Nothing to tell where nothing was old enough. */
export function retentionRemoved({ log }: Telemetry, fact: { what: string; removed: number }): void {
  if (fact.removed > 0) log.info({ event: 'retention.removed', ...fact });
}

/** A tenant has more dead letters than its quota, and the webhook that holds most of them was paused. */
export function dlqFull(
  { log, metrics }: Telemetry,
  fact: { tenant_id: string; webhook_id: string; held: number; total: number; limit: number },
): void {
  log.warn({ event: 'webhook.dlq_full', ...fact });
  metrics.dlqFullPauses.inc();
}

export interface RequestFinished {
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly duration_ms: number;
  readonly tenant_id: string | null;
}

/** Probes come every few seconds and say nothing new, so their lines are for debugging only. */
export function requestFinished({ log, metrics }: Telemetry, fact: RequestFinished): void {
  const level = fact.path === '/health' || fact.path === '/ready' ? 'debug' : 'info';
  log[level]({ event: 'request.finished', ...fact });
  const route = { method: fact.method, path: fact.path };
  metrics.apiRequests.inc({ ...route, status: fact.status });
  metrics.apiSeconds.observe(route, fact.duration_ms / 1000);
}
