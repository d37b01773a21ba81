/**
 * What one attempt reads of its delivery, and what it writes when it makes no POST: parking, and
 * opening a replay. A repeated attempt meets its own record by (attempted_on, delivery_id, run_id, try).
 */
import type { Pool } from 'pg';
import type { AttemptErrorCode } from '../domain/attempt-outcome';
import type { DeadLetterReason, DeliveryStatus, EndReason } from '../domain/delivery-state';
import type { WebhookState } from '../domain/webhook-state';
import { Grouped } from '../grouped';
import { opensReplay } from './replay-opening';
import { crowdsWebhook, placeInLine } from './waiting';

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
    /** Why it ended without success, if it did. */
    readonly reason: EndReason | null;
    readonly lastStatusCode: number | null;
    readonly replayNo: number;
    readonly attempts: number;
    readonly attemptsAtReplay: number;
    readonly runId: string | null;
    readonly createdAt: Date;
    readonly expiresAt: Date;
    readonly eventId: string;
    readonly eventType: string;
  };
  readonly webhook: {
    readonly url: string;
    readonly state: WebhookState;
    readonly deleted: boolean;
    /** It was disabled since the delivery was made or replayed, whatever its state is now. */
    readonly disabledSince: boolean;
    readonly secretEnc: Buffer;
    readonly previousSecretEnc: Buffer | null;
    readonly headersEnc: Buffer | null;
    readonly maxInFlight: number;
    /** POSTs in flight that the tenant may have. */
    readonly maxConcurrent: number;
    readonly consecutiveFailures: number;
    readonly failingSince: Date | null;
  };
  readonly event: { readonly time: Date; readonly payloadText: string; readonly traceparent: string | null };
  readonly recorded: RecordedAttempt | undefined;
}

export interface Attempts {
  load(key: AttemptKey): Promise<LoadedAttempt | undefined>;
  /**
   * @param runId of the run that waits; null in the direct lane, where the delivery is yet to be started
   * @param replayNo of the replay that was loaded
   * @returns false when the webhook is not paused any more, or the delivery has ended or was replayed since;
   * nothing was written then
   */
  park(deliveryId: string, runId: string | null, replayNo: number): Promise<boolean>;
  /** It found no slot and waits to be admitted, unless it has ended or was replayed since; its webhook is crowded. */
  wait(deliveryId: string, runId: string | null, replayNo: number): Promise<void>;
  /** The run goes on where the direct lane's attempt has left the delivery. */
  adopt(deliveryId: string, runId: string): Promise<void>;
  /**
   * Opens the next replay of a delivery that has ended, for a run that somebody started by hand.
   * Repeating it for the same run changes nothing.
   */
  openReplay(deliveryId: string, runId: string): Promise<void>;
}

export function createAttempts(workerPool: Pool): Attempts {
  const loaded = new Grouped<AttemptKey, LoadedAttempt | undefined>({
    work: (keys) => loadAll(workerPool, keys),
    maxBatch: 100,
    maxUnderWay: 2,
  });
  return {
    load: (key) => loaded.add(key),

    async park(deliveryId, runId, replayNo) {
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
          SET status = 'PAUSED', run_id = COALESCE($2, run_id), parked_version = paused.state_version, next_attempt_at = NULL,
              claimed_by = NULL, claimed_until = NULL, waiting_since = NULL
          FROM paused
          WHERE d.id = $1 AND d.replay_no = $3 AND d.status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')`,
        values: [deliveryId, runId, replayNo],
      });
      return rowCount === 1;
    },

    async wait(deliveryId, runId, replayNo) {
      await workerPool.query({
        name: 'attempts.wait',
        text: `
          WITH waiting AS (
            UPDATE hook.deliveries
            SET waiting_since = ${placeInLine},
                run_id = COALESCE($2::text, run_id),
                claimed_by = NULL, claimed_until = NULL,
                -- PENDING with a run would say that it was replayed since.
                status = CASE WHEN status = 'PENDING' AND $2 IS NOT NULL THEN 'IN_PROGRESS' ELSE status END
            WHERE id = $1 AND replay_no = $3 AND status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')
            RETURNING webhook_id
          )
          ${crowdsWebhook}`,
        values: [deliveryId, runId, replayNo],
      });
    },

    async adopt(deliveryId, runId) {
      await workerPool.query({
        name: 'attempts.adopt',
        text: `UPDATE hook.deliveries SET run_id = $2
               WHERE id = $1 AND run_id IS NULL AND replay_no = 0 AND status = 'FAILED_RETRY'`,
        values: [deliveryId, runId],
      });
    },

    async openReplay(deliveryId, runId) {
      await workerPool.query({
        name: 'attempts.openReplay',
        text: `
          WITH opened AS (
            UPDATE hook.deliveries d
            SET ${opensReplay}, status = 'IN_PROGRESS', run_id = $2, claimed_until = now() + interval '1 minute'
            FROM hook.webhook_configs w
            WHERE d.id = $1 AND w.id = d.webhook_id AND d.status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED')
              AND d.run_id IS DISTINCT FROM $2
            RETURNING d.id, d.tenant_id, d.replay_no
          )
          INSERT INTO hook.audit_logs (id, tenant_id, action, actor, target, details)
          SELECT opened.id || '-' || opened.replay_no, tenant_id, 'delivery.replayed', 'temporal-ui',
                 'delivery:' || opened.id, jsonb_build_object('replay_no', replay_no, 'run_id', $2::text)
          FROM opened`,
        values: [deliveryId, runId],
      });
    },
  };
}

async function loadAll(pool: Pool, keys: readonly AttemptKey[]): Promise<(LoadedAttempt | undefined)[]> {
  const { rows } = await pool.query<LoadedRow>({
    name: 'attempts.load',
    text: loadSql,
    values: [
      keys.map(({ deliveryId }) => deliveryId),
      keys.map(({ runId }) => runId),
      keys.map((key) => key.try),
      keys.map(({ attemptedOn }) => attemptedOn),
    ],
  });
  const loaded: (LoadedAttempt | undefined)[] = Array.from({ length: keys.length });
  for (const row of rows) loaded[Number(row.position) - 1] = toLoaded(row);
  return loaded;
}

const loadSql = `
  SELECT k.position, d.status, d.reason AS end_reason, d.last_status_code, d.replay_no, d.attempts, d.attempts_at_replay, d.run_id, d.created_at, d.expires_at, d.event_id, d.event_type,
         w.url, w.state, w.deleted_at IS NOT NULL AS deleted,
         COALESCE(w.last_disabled_at > COALESCE(d.replayed_at, d.created_at), false) AS disabled_since, w.secret_enc,
         CASE WHEN w.previous_secret_expires_at > now() THEN w.previous_secret_enc END AS previous_secret_enc,
         w.headers_enc, w.max_in_flight,
         COALESCE(q.max_concurrent_deliveries, 50) AS max_concurrent, w.consecutive_failures, w.failing_since,
         COALESCE(e.event_time, e.created_at) AS event_time, e.payload_snapshot, e.traceparent,
         a.attempt_number, a.outcome, a.reason, a.http_status_code, a.error_code, a.retry_after_ms
  FROM unnest($1::text[], $2::text[], $3::integer[], $4::date[]) WITH ORDINALITY
    AS k (delivery_id, run_id, try, attempted_on, position)
  JOIN hook.deliveries d ON d.id = k.delivery_id
  JOIN hook.webhook_configs w ON w.id = d.webhook_id
  LEFT JOIN hook.quotas q ON q.tenant_id = d.tenant_id
  JOIN hook.events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
  -- A try that a reset repeats may have been recorded on an earlier day. The first attempt of all, which
  -- most deliveries never get beyond, looks nowhere.
  LEFT JOIN LATERAL (
    SELECT * FROM hook.delivery_attempts
    WHERE d.attempts > 0 AND attempted_on BETWEEN (d.created_at AT TIME ZONE 'UTC')::date - 1 AND k.attempted_on
      AND delivery_id = d.id AND run_id = k.run_id AND try = k.try
    LIMIT 1
  ) a ON true`;

interface LoadedRow {
  /** From 1, in the order of the keys; bigint comes as text. */
  position: string;
  status: DeliveryStatus;
  end_reason: EndReason | null;
  last_status_code: number | null;
  replay_no: number;
  attempts: number;
  attempts_at_replay: number;
  run_id: string | null;
  created_at: Date;
  expires_at: Date;
  event_id: string;
  event_type: string;
  url: string;
  state: WebhookState;
  deleted: boolean;
  disabled_since: boolean;
  secret_enc: Buffer;
  previous_secret_enc: Buffer | null;
  headers_enc: Buffer | null;
  max_in_flight: number;
  max_concurrent: number;
  consecutive_failures: number;
  failing_since: Date | null;
  event_time: Date;
  payload_snapshot: string;
  traceparent: string | null;
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
      reason: row.end_reason,
      lastStatusCode: row.last_status_code,
      replayNo: row.replay_no,
      attempts: row.attempts,
      attemptsAtReplay: row.attempts_at_replay,
      runId: row.run_id,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      eventId: row.event_id,
      eventType: row.event_type,
    },
    webhook: {
      url: row.url,
      state: row.state,
      deleted: row.deleted,
      disabledSince: row.disabled_since,
      secretEnc: row.secret_enc,
      previousSecretEnc: row.previous_secret_enc,
      headersEnc: row.headers_enc,
      maxInFlight: row.max_in_flight,
      maxConcurrent: row.max_concurrent,
      consecutiveFailures: row.consecutive_failures,
      failingSince: row.failing_since,
    },
    event: { time: row.event_time, payloadText: row.payload_snapshot, traceparent: row.traceparent },
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
