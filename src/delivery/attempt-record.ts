/** From what came back over HTTP to the record of the attempt. Pure. */
import { STATUS_CODES as statusNames } from 'node:http';
import type { AttemptVerdict } from '../domain/attempt-outcome';
import { parseRetryAfter } from '../domain/retry-after';
import { retryDelayMs } from '../domain/retry-policy';
import type { AttemptRecord } from '../store/attempt-records';
import type { AttemptKey, RecordedAttempt } from '../store/attempts';
import type { AttemptCall } from './attempt';
import type { HttpAnswer } from './http-sender';
import { maskHeaders, maskKnown } from './known-secrets';
import { responseBodyPreview } from './preview';

export interface FinishedAttempt {
  readonly key: AttemptKey;
  readonly input: AttemptCall;
  readonly recorded: RecordedAttempt;
  readonly sent: HttpAnswer;
  /** POSTs made in this replay, this one included. */
  readonly attempts: number;
  readonly replayNo: number;
  readonly attemptedAt: Date;
  readonly expiresAt: Date;
  /** What was sent and nobody may read in the answer. */
  readonly secrets: readonly string[];
}

export function toAttemptRecord(finished: FinishedAttempt): AttemptRecord {
  const { key, input, recorded, sent, attempts, replayNo, attemptedAt, expiresAt } = finished;
  const mask = maskKnown(finished.secrets);
  // Field by field: spreading into an object of this size costs more than all the rest of it.
  return {
    deliveryId: key.deliveryId,
    runId: key.runId,
    try: key.try,
    attemptedOn: key.attemptedOn,
    attemptNumber: recorded.attemptNumber,
    outcome: recorded.outcome,
    reason: recorded.reason,
    httpStatusCode: recorded.httpStatusCode,
    errorCode: recorded.errorCode,
    retryAfterMs: recorded.retryAfterMs,
    tenantId: input.tenant_id,
    webhookId: input.webhook_id,
    deliveryRunId: input.run_id,
    replayNo,
    trigger: input.trigger,
    errorMessage: recorded.outcome === 'success' ? null : describeFailure(sent),
    responseBodyPreview: sent.kind === 'response' ? responseBodyPreview(sent.body, mask) : null,
    responseHeaders: sent.kind === 'response' ? maskHeaders(sent.headers, mask) : null,
    remoteIp: sent.remoteIp ?? null,
    timings: sent.kind === 'response' ? { ...sent.timings } : null,
    durationMs: Math.round(sent.durationMs),
    attemptedAt,
    status: recorded.outcome === 'success' ? 'SUCCESS' : 'FAILED_RETRY',
    nextAttemptAt: nextAttemptAt(input, recorded, attempts, sent.durationMs, expiresAt) ?? toBeEnded(input, recorded),
  };
}

/** What a repeated call is answered from. */
export function toRecorded(
  verdict: AttemptVerdict,
  sent: HttpAnswer,
  attemptNumber: number,
  nowMs: number,
): RecordedAttempt {
  const retryAfterMs =
    verdict.kind === 'retry' && verdict.honoursRetryAfter && sent.kind === 'response'
      ? parseRetryAfter(sent.headers['retry-after'], nowMs)
      : undefined;
  return {
    attemptNumber,
    outcome: verdict.kind,
    reason: verdict.kind === 'permanent' ? verdict.reason : null,
    httpStatusCode: sent.kind === 'response' ? sent.statusCode : null,
    errorCode: verdict.kind === 'success' ? null : verdict.errorCode,
    retryAfterMs: retryAfterMs ?? null,
  };
}

/** What the list of dead letters shows: `HTTP 503: Service Unavailable`, or what went wrong on the way. */
function describeFailure(sent: HttpAnswer): string {
  if (sent.kind === 'failure') return `${sent.errorCode}: ${sent.message}`.slice(0, 512);
  const name = statusNames[sent.statusCode];
  return name === undefined ? `HTTP ${sent.statusCode}` : `HTTP ${sent.statusCode}: ${name}`;
}

/**
 * Nothing but this time would tell the sweep of a delivery that is to be ended by a workflow it does not have yet,
 * if this process died before starting it.
 */
function toBeEnded(input: AttemptCall, recorded: RecordedAttempt): Date | null {
  return input.run_id === null && recorded.outcome !== 'success' ? new Date(input.at) : null;
}

/** The same arithmetic as the workflow's timer, so that what people read is when it happens. */
function nextAttemptAt(
  input: AttemptCall,
  recorded: RecordedAttempt,
  attempts: number,
  durationMs: number,
  expiresAt: Date,
): Date | null {
  if (recorded.outcome !== 'retry') return null;
  const delayMs = retryDelayMs({
    delaysMs: input.policy.delays_ms,
    attempts,
    retryAfterMs: recorded.retryAfterMs ?? undefined,
    jitter: input.jitter,
  });
  if (delayMs === undefined) return null;
  return new Date(Math.min(Date.parse(input.at) + durationMs + delayMs, expiresAt.getTime()));
}
