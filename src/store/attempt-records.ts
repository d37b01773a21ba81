/**
 * Writing attempts, and what they mean for delivery and webhook, many in one statement. Idempotent: a
 * record that is there already changes nothing a second time.
 */
import type { Pool } from 'pg';
import type { AttemptTrigger } from '../domain/attempt-outcome';
import type { AttemptKey, RecordedAttempt } from './attempts';

export interface AttemptRecord extends AttemptKey, RecordedAttempt {
  readonly tenantId: string;
  readonly webhookId: string;
  /** The workflow run that the delivery is left to; null while it has none, in the direct lane. */
  readonly deliveryRunId: string | null;
  readonly replayNo: number;
  readonly trigger: AttemptTrigger;
  readonly errorMessage: string | null;
  readonly responseBodyPreview: string | null;
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  readonly remoteIp: string | null;
  readonly timings: Readonly<Record<string, number>> | null;
  readonly durationMs: number;
  readonly attemptedAt: Date;
  /** SUCCESS ends the delivery; FAILED_RETRY leaves the rest to its workflow. */
  readonly status: 'SUCCESS' | 'FAILED_RETRY';
  readonly nextAttemptAt: Date | null;
}

export type WriteAttempts = (records: readonly AttemptRecord[]) => Promise<void>;

export function createAttemptWriter(workerPool: Pool): WriteAttempts {
  return async (records) => {
    await workerPool.query({ name: 'attempts.record', text: recordSql, values: toArrays(records) });
  };
}

/**
 * The columns of a batch, in the order of the statement's parameters. One array per column costs the
 * server a fraction of what one statement per row does.
 */
const columns: readonly { name: string; type: string; value: (record: AttemptRecord) => unknown }[] = [
  { name: 'attempted_on', type: 'date', value: (r) => r.attemptedOn },
  { name: 'delivery_id', type: 'text', value: (r) => r.deliveryId },
  { name: 'run_id', type: 'text', value: (r) => r.runId },
  { name: 'try', type: 'integer', value: (r) => r.try },
  { name: 'tenant_id', type: 'text', value: (r) => r.tenantId },
  { name: 'webhook_id', type: 'text', value: (r) => r.webhookId },
  { name: 'attempt_number', type: 'integer', value: (r) => r.attemptNumber },
  { name: 'replay_no', type: 'integer', value: (r) => r.replayNo },
  { name: 'trigger', type: 'text', value: (r) => r.trigger },
  { name: 'outcome', type: 'text', value: (r) => r.outcome },
  { name: 'reason', type: 'text', value: (r) => r.reason },
  { name: 'http_status_code', type: 'integer', value: (r) => r.httpStatusCode },
  { name: 'error_code', type: 'text', value: (r) => r.errorCode },
  { name: 'error_message', type: 'text', value: (r) => r.errorMessage },
  { name: 'retry_after_ms', type: 'bigint', value: (r) => r.retryAfterMs },
  { name: 'response_body_preview', type: 'text', value: (r) => r.responseBodyPreview },
  { name: 'response_headers', type: 'jsonb', value: (r) => r.responseHeaders && JSON.stringify(r.responseHeaders) },
  { name: 'remote_ip', type: 'text', value: (r) => r.remoteIp },
  { name: 'timings', type: 'jsonb', value: (r) => r.timings && JSON.stringify(r.timings) },
  { name: 'duration_ms', type: 'integer', value: (r) => r.durationMs },
  { name: 'attempted_at', type: 'timestamptz', value: (r) => r.attemptedAt.toISOString() },
];

/** Known to the batch but not columns of the attempt. */
const deliveryColumns: typeof columns = [
  { name: 'delivery_run_id', type: 'text', value: (r) => r.deliveryRunId },
  { name: 'status', type: 'text', value: (r) => r.status },
  { name: 'next_attempt_at', type: 'timestamptz', value: (r) => r.nextAttemptAt?.toISOString() ?? null },
];

const batchColumns = [...columns, ...deliveryColumns];
const attemptNames = columns.map(({ name }) => name).join(', ');

/** Of delivery `d` and record `b`. What was cancelled while its POST was under way, and arrived, is delivered. */
const isCurrent = `d.replay_no = b.replay_no AND (d.status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')
  OR d.status = 'CANCELLED' AND b.status = 'SUCCESS')`;

const recordSql = `
  WITH batch AS (
    SELECT * FROM unnest(${batchColumns.map(({ type }, i) => `$${i + 1}::${type}[]`).join(', ')})
      AS b (${batchColumns.map(({ name }) => name).join(', ')})
  ), fresh AS (
    INSERT INTO hook.delivery_attempts (${attemptNames})
    SELECT ${attemptNames} FROM batch
    ON CONFLICT DO NOTHING
    RETURNING delivery_id, run_id, try, webhook_id, outcome
  ), moved AS (
    -- The POST counts in any case. It moves the delivery only if that has not ended or been replayed since.
    UPDATE hook.deliveries d
    SET attempts = d.attempts + 1,
        run_id = CASE WHEN ${isCurrent} THEN COALESCE(b.delivery_run_id, d.run_id) ELSE d.run_id END,
        status = CASE WHEN ${isCurrent} THEN b.status ELSE d.status END,
        reason = CASE WHEN ${isCurrent} THEN NULL ELSE d.reason END,
        last_status_code = CASE WHEN ${isCurrent} THEN b.http_status_code ELSE d.last_status_code END,
        last_error = CASE WHEN ${isCurrent} THEN b.error_message ELSE d.last_error END,
        next_attempt_at = CASE WHEN ${isCurrent} THEN b.next_attempt_at ELSE d.next_attempt_at END,
        completed_at = CASE WHEN ${isCurrent} AND b.status = 'SUCCESS' THEN now() ELSE d.completed_at END,
        claimed_by = CASE WHEN ${isCurrent} THEN NULL ELSE d.claimed_by END,
        claimed_until = CASE WHEN ${isCurrent} THEN NULL ELSE d.claimed_until END,
        parked_version = CASE WHEN ${isCurrent} THEN NULL ELSE d.parked_version END,
        waiting_since = CASE WHEN ${isCurrent} THEN NULL ELSE d.waiting_since END
    FROM batch b
    JOIN fresh USING (delivery_id, run_id, try)
    WHERE d.id = b.delivery_id
  ), news AS (
    SELECT webhook_id, bool_or(outcome = 'success') AS succeeded, count(*) AS made
    FROM fresh GROUP BY webhook_id
  ), affected AS (
    -- Locked in one order by every process, so that two batches cannot wait for each other.
    SELECT w.id, news.succeeded, news.made
    FROM hook.webhook_configs w JOIN news ON news.webhook_id = w.id
    WHERE NOT news.succeeded OR w.consecutive_failures > 0
    ORDER BY w.id FOR NO KEY UPDATE OF w
  )
  UPDATE hook.webhook_configs w
  SET consecutive_failures = CASE WHEN a.succeeded THEN 0 ELSE w.consecutive_failures + a.made END,
      failing_since = CASE WHEN a.succeeded THEN NULL ELSE COALESCE(w.failing_since, now()) END
  FROM affected a WHERE w.id = a.id`;

function toArrays(records: readonly AttemptRecord[]): unknown[][] {
  return batchColumns.map(({ value }) => records.map(value));
}
