/**
 * What one attempt reads and writes in Postgres. Every write is idempotent: a repeated attempt meets
 * its own record by (attempted_on, delivery_id, run_id, try) and changes nothing a second time.
 */
import type { Pool } from 'pg';
import type { AttemptErrorCode } from '../domain/attempt-outcome';
import type { DeadLetterReason, DeliveryStatus } from '../domain/delivery-state';
import type { AttemptTrigger } from '../temporal/contracts';
import type { WebhookState } from './webhook-state';

/** Identifies one attempt of one run. */
export interface AttemptKey {
  readonly deliveryId: string;
  readonly runId: string;
  readonly try: number;
  /** Day of the caller's clock, `YYYY-MM-DD`. */
  readonly attemptedOn: string;
}

export interface RecordedAttempt {
  /** Counts over all replays, from 1. */
  readonly attemptNumber: number;
  readonly outcome: 'success' | 'retry' | 'permanent';
  readonly reason: DeadLetterReason | null;
  readonly httpStatusCode: number | null;
  readonly errorCode: AttemptErrorCode | null;
  readonly retryAfterMs: number | null;
}

/** Delivery, webhook and event in one row, and what this very attempt recorded if it was made before. */
export interface LoadedAttempt {
  readonly delivery: {
    readonly status: DeliveryStatus;
    readonly replayNo: number;
    readonly attempts: number;
    readonly attemptsAtReplay: number;
    readonly runId: string | null;
    readonly expiresAt: Date;
    readonly eventId: string;
    readonly eventType: string;
  };
  readonly webhook: {
    readonly url: string;
    readonly state: WebhookState;
    readonly deleted: boolean;
    readonly secretEnc: Buffer;
    readonly previousSecretEnc: Buffer | null;
    readonly headersEnc: Buffer | null;
    readonly maxInFlight: number;
    readonly ttlSeconds: number;
  };
  readonly event: { readonly time: Date; readonly payloadText: string };
  readonly recorded: RecordedAttempt | undefined;
}

export interface AttemptRecord extends AttemptKey, RecordedAttempt {
  readonly tenantId: string;
  readonly webhookId: string;
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

export interface Attempts {
  load(key: AttemptKey): Promise<LoadedAttempt | undefined>;
  /** Writes many records in one statement. */
  record(records: readonly AttemptRecord[]): Promise<void>;
  /** @returns false when the webhook is not paused any more, or the delivery has ended; nothing was written then */
  park(deliveryId: string, runId: string): Promise<boolean>;
  /**
   * Opens the next replay of a delivery that has ended, for a run that somebody started by hand.
   * Repeating it for the same run changes nothing.
   */
  openReplay(deliveryId: string, runId: string, ttlSeconds: number): Promise<void>;
}

export function createAttempts(workerPool: Pool): Attempts {
  return {
    async load({ deliveryId, runId, try: tryNo, attemptedOn }) {
      const { rows } = await workerPool.query<LoadedRow>({
        name: 'attempts.load',
        text: loadSql,
        values: [deliveryId, runId, tryNo, attemptedOn],
      });
      return rows[0] && toLoaded(rows[0]);
    },

    async record(records) {
      await workerPool.query({ name: 'attempts.record', text: recordSql, values: toArrays(records) });
    },

    async park(deliveryId, runId) {
      const { rowCount } = await workerPool.query({
        name: 'attempts.park',
        // FOR SHARE: a resume either comes first and is seen here, or waits and then sees this row parked.
        text: `
          WITH paused AS (
            SELECT w.id, w.state_version FROM hook.webhook_configs w
            JOIN hook.deliveries d ON d.webhook_id = w.id
            WHERE d.id = $1 AND w.state = 'paused' AND w.deleted_at IS NULL
            FOR SHARE OF w
          )
          UPDATE hook.deliveries d
          SET status = 'PAUSED', run_id = $2, parked_version = paused.state_version, next_attempt_at = NULL,
              claimed_by = NULL, claimed_until = NULL
          FROM paused
          WHERE d.id = $1 AND d.status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')`,
        values: [deliveryId, runId],
      });
      return rowCount === 1;
    },

    async openReplay(deliveryId, runId, ttlSeconds) {
      await workerPool.query({
        name: 'attempts.openReplay',
        text: `
          WITH opened AS (
            UPDATE hook.deliveries
            SET status = 'IN_PROGRESS', reason = NULL, replay_no = replay_no + 1, attempts_at_replay = attempts,
                run_id = $2, replayed_at = now(), expires_at = now() + $3 * interval '1 second',
                completed_at = NULL, resolved_at = NULL, resolved_by = NULL, last_error = NULL, last_status_code = NULL
            WHERE id = $1 AND status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED') AND run_id IS DISTINCT FROM $2
            RETURNING id, tenant_id, replay_no
          )
          INSERT INTO hook.audit_logs (id, tenant_id, action, actor, target, details)
          SELECT opened.id || '-' || opened.replay_no, tenant_id, 'delivery.replayed', 'temporal-ui',
                 'delivery:' || opened.id, jsonb_build_object('replay_no', replay_no, 'run_id', $2::text)
          FROM opened`,
        values: [deliveryId, runId, ttlSeconds],
      });
    },
  };
}

const loadSql = `
  SELECT d.status, d.replay_no, d.attempts, d.attempts_at_replay, d.run_id, d.expires_at, d.event_id, d.event_type,
         w.url, w.state, w.deleted_at IS NOT NULL AS deleted, w.secret_enc,
         CASE WHEN w.previous_secret_expires_at > now() THEN w.previous_secret_enc END AS previous_secret_enc,
         w.headers_enc, w.max_in_flight, w.ttl_seconds,
         COALESCE(e.event_time, e.created_at) AS event_time, e.payload_snapshot,
         a.attempt_number, a.outcome, a.reason, a.http_status_code, a.error_code, a.retry_after_ms
  FROM hook.deliveries d
  JOIN hook.webhook_configs w ON w.id = d.webhook_id
  JOIN hook.events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
  LEFT JOIN hook.delivery_attempts a
    ON a.attempted_on = $4 AND a.delivery_id = d.id AND a.run_id = $2 AND a.try = $3
  WHERE d.id = $1`;

interface LoadedRow {
  status: DeliveryStatus;
  replay_no: number;
  attempts: number;
  attempts_at_replay: number;
  run_id: string | null;
  expires_at: Date;
  event_id: string;
  event_type: string;
  url: string;
  state: WebhookState;
  deleted: boolean;
  secret_enc: Buffer;
  previous_secret_enc: Buffer | null;
  headers_enc: Buffer | null;
  max_in_flight: number;
  ttl_seconds: number;
  event_time: Date;
  payload_snapshot: string;
  attempt_number: number | null;
  outcome: RecordedAttempt['outcome'] | null;
  reason: DeadLetterReason | null;
  http_status_code: number | null;
  error_code: AttemptErrorCode | null;
  retry_after_ms: string | null;
}

function toLoaded(row: LoadedRow): LoadedAttempt {
  return {
    delivery: {
      status: row.status,
      replayNo: row.replay_no,
      attempts: row.attempts,
      attemptsAtReplay: row.attempts_at_replay,
      runId: row.run_id,
      expiresAt: row.expires_at,
      eventId: row.event_id,
      eventType: row.event_type,
    },
    webhook: {
      url: row.url,
      state: row.state,
      deleted: row.deleted,
      secretEnc: row.secret_enc,
      previousSecretEnc: row.previous_secret_enc,
      headersEnc: row.headers_enc,
      maxInFlight: row.max_in_flight,
      ttlSeconds: row.ttl_seconds,
    },
    event: { time: row.event_time, payloadText: row.payload_snapshot },
    recorded:
      row.outcome === null || row.attempt_number === null
        ? undefined
        : {
            attemptNumber: row.attempt_number,
            outcome: row.outcome,
            reason: row.reason,
            httpStatusCode: row.http_status_code,
            errorCode: row.error_code,
            // bigint comes as text; it is at most a day.
            retryAfterMs: row.retry_after_ms === null ? null : Number(row.retry_after_ms),
          },
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
  { name: 'status', type: 'text', value: (r) => r.status },
  { name: 'next_attempt_at', type: 'timestamptz', value: (r) => r.nextAttemptAt?.toISOString() ?? null },
];

const batchColumns = [...columns, ...deliveryColumns];
const attemptNames = columns.map(({ name }) => name).join(', ');

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
    UPDATE hook.deliveries d
    SET attempts = d.attempts + 1, run_id = b.run_id, last_status_code = b.http_status_code,
        last_error = CASE b.outcome WHEN 'success' THEN NULL ELSE b.error_message END,
        status = CASE WHEN d.status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED') THEN d.status ELSE b.status END,
        next_attempt_at = CASE WHEN d.status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED') THEN NULL ELSE b.next_attempt_at END,
        completed_at = CASE b.status WHEN 'SUCCESS' THEN COALESCE(d.completed_at, now()) ELSE d.completed_at END,
        claimed_by = NULL, claimed_until = NULL, parked_version = NULL
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
