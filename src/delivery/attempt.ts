/**
 * One attempt of a delivery: load, gate, decrypt, render, sign, POST, classify, record.
 * Everything that decides whether a POST may be made is read here, right before it, so that a pause
 * or a new secret takes effect with the next attempt wherever it runs.
 */
import type { Span } from '@opentelemetry/api';
import type { LRUCache } from 'lru-cache';
import { classifyFailure, classifyStatus } from '../domain/attempt-outcome';
import { directRunId } from '../domain/direct-attempt';
import { isTerminal, type CancelReason } from '../domain/delivery-state';
import { DecryptionFailed } from '../kms/envelope';
import type { SecretBox } from '../kms/secret-box';
import type { AttemptRecord } from '../store/attempt-records';
import type { AttemptKey, Attempts, LoadedAttempt, RecordedAttempt } from '../store/attempts';
import { attemptFinished, secretUnreadable, type Telemetry } from '../telemetry/events';
import type { AttemptInput, AttemptResult } from '../temporal/contracts';
import { toAttemptRecord, toRecorded } from './attempt-record';
import { inAttemptSpan, noteOutcome, traceHeaders } from './attempt-span';
import { isNearlyFailing } from './failing-webhook';
import type { HttpSender } from './http-sender';
import { renderBody } from './render';
import { signatureHeaders } from './sign';
import type { SlotPlace } from './slots';

export interface AttemptDeps {
  readonly telemetry: Telemetry;
  readonly attempts: Pick<Attempts, 'load' | 'park' | 'wait' | 'adopt' | 'openReplay'>;
  readonly recorder: { record(record: AttemptRecord): Promise<void> };
  readonly secrets: Pick<SecretBox, 'open'>;
  readonly sender: Pick<HttpSender, 'send'>;
  readonly slots: { take(place: SlotPlace): Promise<(() => void) | undefined> };
  /** Attempts whose record could not be written, kept so that a repeated call records instead of sending again. */
  readonly unrecorded: Pick<LRUCache<string, AttemptRecord>, 'get' | 'set' | 'delete'>;
  /** 410 Gone: the receiver asks never to be called again. */
  readonly disableGoneWebhook: (tenantId: string, webhookId: string) => Promise<void>;
  readonly pauseFailingWebhook: (tenantId: string, webhookId: string) => Promise<void>;
}

/** What a workflow asks for; in the direct lane no run asks, and the delivery is left to none. */
export interface AttemptCall extends Omit<AttemptInput, 'run_id'> {
  readonly run_id: string | null;
}

/** Retention has removed what the delivery was about; there is nothing left to send or to record. */
const goneRow: AttemptResult = {
  attempts: 0,
  expires_at: new Date(0).toISOString(),
  outcome: 'ended',
  status: 'SUCCESS',
  reason: null,
  last_status_code: null,
};

/**
 * @returns what came of it; an HTTP failure is a value
 * @throws KmsUnavailable, or the database's error, when the attempt could not be made or recorded; the
 * call can be repeated, and an attempt that was recorded is not sent again
 */
export async function attempt(deps: AttemptDeps, input: AttemptCall): Promise<AttemptResult> {
  const key: AttemptKey = {
    deliveryId: input.delivery_id,
    runId: input.direct || input.run_id === null ? directRunId : input.run_id,
    try: input.try,
    attemptedOn: input.at.slice(0, 10),
  };
  let loaded = await deps.attempts.load(key);
  if (!loaded) return goneRow;

  if (endedBefore(loaded, input) && loaded.recorded?.outcome !== 'success') {
    const isOver = input.started_replay_no !== null || loaded.delivery.runId === input.run_id;
    if (isOver || input.run_id === null) return ended(loaded);
    await deps.attempts.openReplay(input.delivery_id, input.run_id);
    loaded = (await deps.attempts.load(key)) ?? loaded;
  }
  if (loaded.recorded) {
    if (input.direct && input.run_id !== null) await deps.attempts.adopt(input.delivery_id, input.run_id);
    await followUp(deps, input, loaded, loaded.recorded);
    return answer(loaded, loaded.recorded, loaded.recorded.attemptNumber - loaded.delivery.attemptsAtReplay);
  }

  const unrecorded = deps.unrecorded.get(nameOf(key));
  if (unrecorded) return record(deps, input, loaded, unrecorded);

  const { webhook } = loaded;
  const cancelled = cancelReason(loaded);
  if (cancelled) return { ...common(loaded), outcome: 'cancelled', reason: cancelled };
  if (Date.parse(input.at) >= loaded.delivery.expiresAt.getTime()) {
    return { ...common(loaded), outcome: 'permanent', status: null, error_code: null, reason: 'EXPIRED' };
  }
  if (webhook.state === 'paused') {
    // Not parked means resumed, ended or replayed in between: the gates are asked again.
    const parked = await deps.attempts.park(input.delivery_id, input.run_id, loaded.delivery.replayNo);
    return parked ? idle(loaded, 'parked') : attempt(deps, input);
  }

  const release = await deps.slots.take({
    tenantId: input.tenant_id,
    webhookId: input.webhook_id,
    maxInFlight: webhook.maxInFlight,
    maxConcurrent: webhook.maxConcurrent,
  });
  if (!release) {
    await deps.attempts.wait(input.delivery_id, input.run_id, loaded.delivery.replayNo);
    return idle(loaded, 'busy');
  }
  try {
    return await sendAndRecord(deps, input, key, loaded);
  } finally {
    release();
  }
}

/** A run that finds its delivery at an end, or at a later replay than its own, has nothing to do. */
function endedBefore({ delivery }: LoadedAttempt, input: AttemptCall): boolean {
  if (isTerminal(delivery.status)) return true;
  // It waits for its start although this run has recorded something: it was replayed since.
  if (delivery.status === 'PENDING' && delivery.runId !== null && delivery.runId === input.run_id) return true;
  return input.started_replay_no !== null && input.started_replay_no < delivery.replayNo;
}

function cancelReason({ webhook }: LoadedAttempt): CancelReason | undefined {
  if (webhook.deleted) return 'WEBHOOK_DELETED';
  // Enabling starts afresh: what waited when it was disabled stays cancelled.
  if (webhook.state === 'disabled' || webhook.disabledSince) return 'WEBHOOK_DISABLED';
  return undefined;
}

function sendAndRecord(
  deps: AttemptDeps,
  input: AttemptCall,
  key: AttemptKey,
  loaded: LoadedAttempt,
): Promise<AttemptResult> {
  return inAttemptSpan(input, loaded, (span) => sendInSpan(deps, input, key, loaded, span));
}

async function sendInSpan(
  deps: AttemptDeps,
  input: AttemptCall,
  key: AttemptKey,
  loaded: LoadedAttempt,
  span: Span,
): Promise<AttemptResult> {
  const opened = await openSecrets(deps, input, loaded);
  if (!opened) {
    return { ...common(loaded), outcome: 'permanent', status: null, error_code: null, reason: 'SECRET_UNREADABLE' };
  }
  const { secrets, customHeaders } = opened;
  const attemptNumber = loaded.delivery.attempts + 1;
  const body = renderBody({
    deliveryId: input.delivery_id,
    eventType: loaded.delivery.eventType,
    timestamp: loaded.event.time.toISOString(),
    eventId: loaded.delivery.eventId,
    webhookId: input.webhook_id,
    payloadText: loaded.event.payloadText,
  });
  const attemptedAt = new Date();
  const sent = await deps.sender.send({
    url: loaded.webhook.url,
    headers: {
      ...customHeaders,
      'Content-Type': 'application/json',
      ...signatureHeaders({
        deliveryId: input.delivery_id,
        timestampSeconds: Math.floor(attemptedAt.getTime() / 1000),
        body,
        secrets,
      }),
      'X-Delivery-ID': input.delivery_id,
      'X-Webhook-Event': loaded.delivery.eventType,
      'X-Webhook-Attempt': String(attemptNumber),
      ...traceHeaders(span),
    },
    body,
    timeoutMs: input.policy.timeout_ms,
  });

  const verdict = sent.kind === 'response' ? classifyStatus(sent.statusCode) : classifyFailure(sent.errorCode);
  const recorded = toRecorded(verdict, sent, attemptNumber, attemptedAt.getTime());
  const made = toAttemptRecord({
    key,
    input,
    recorded,
    sent,
    attempts: runAttempts(loaded) + 1,
    attemptedAt,
    replayNo: loaded.delivery.replayNo,
    expiresAt: loaded.delivery.expiresAt,
    secrets: [...secrets, ...Object.values(customHeaders)],
  });
  noteOutcome(span, made);
  return record(deps, input, loaded, made);
}

async function record(
  deps: AttemptDeps,
  input: AttemptCall,
  loaded: LoadedAttempt,
  made: AttemptRecord,
): Promise<AttemptResult> {
  deps.unrecorded.set(nameOf(made), made);
  await deps.recorder.record(made);
  deps.unrecorded.delete(nameOf(made));
  attemptFinished(deps.telemetry, {
    delivery_id: made.deliveryId,
    tenant_id: made.tenantId,
    webhook_id: made.webhookId,
    event_type: loaded.delivery.eventType,
    attempt: made.attemptNumber,
    outcome: made.outcome,
    http_status_code: made.httpStatusCode,
    error_code: made.errorCode,
    duration_ms: made.durationMs,
    delivery_latency_ms: latencyMs(loaded, made),
  });
  await followUp(deps, input, loaded, made);
  return answer(loaded, made, made.attemptNumber - loaded.delivery.attemptsAtReplay);
}

/** A replay begins whenever somebody asks for it, which says nothing of how long a delivery takes. */
function latencyMs({ delivery }: LoadedAttempt, { outcome, replayNo }: AttemptRecord): number | null {
  if (outcome !== 'success' || replayNo > 0) return null;
  // The clock of Postgres may be ahead of ours.
  return Math.max(0, Date.now() - delivery.createdAt.getTime());
}

function nameOf({ deliveryId, runId, try: tryNo }: AttemptKey): string {
  return `${deliveryId}|${runId}|${tryNo}`;
}

/** After the record, and again when the record is met: the process may have died in between. */
async function followUp(
  deps: AttemptDeps,
  input: AttemptCall,
  { webhook }: LoadedAttempt,
  recorded: RecordedAttempt,
): Promise<void> {
  if (recorded.reason === 'GONE') {
    // Disabled since: it is what this answer did, and somebody may have enabled the webhook after it.
    return webhook.disabledSince ? undefined : deps.disableGoneWebhook(input.tenant_id, input.webhook_id);
  }
  if (recorded.outcome === 'success' || !isNearlyFailing(webhook)) return;
  await deps.pauseFailingWebhook(input.tenant_id, input.webhook_id);
}

/** @returns undefined when they will never open again; KMS that is away is an error, and is asked again */
async function openSecrets({ secrets: box, telemetry }: AttemptDeps, input: AttemptCall, { webhook }: LoadedAttempt) {
  const { delivery_id, tenant_id, webhook_id } = input;
  const open = (column: string, sealed: Buffer) =>
    box.open({ tenantId: tenant_id, table: 'webhook_configs', rowId: webhook_id, column }, sealed);
  try {
    const [current, previous, headers] = await Promise.all([
      open('secret_enc', webhook.secretEnc),
      webhook.previousSecretEnc && open('previous_secret_enc', webhook.previousSecretEnc),
      webhook.headersEnc && open('headers_enc', webhook.headersEnc),
    ]);
    return {
      secrets: previous ? [current, previous] : [current],
      customHeaders: headers ? (JSON.parse(headers) as Record<string, string>) : {},
    };
  } catch (error) {
    if (!(error instanceof DecryptionFailed)) throw error;
    secretUnreadable(telemetry, { delivery_id, tenant_id, webhook_id, err: error });
    return undefined;
  }
}

function answer(loaded: LoadedAttempt, recorded: RecordedAttempt, attempts: number): AttemptResult {
  const base = { attempts, expires_at: loaded.delivery.expiresAt.toISOString() };
  const status = recorded.httpStatusCode;
  switch (recorded.outcome) {
    case 'success':
      return { ...base, outcome: 'success', status: status ?? 0 };
    case 'retry':
      return {
        ...base,
        outcome: 'retry',
        status,
        error_code: recorded.errorCode ?? 'bad_response',
        retry_after_ms: recorded.retryAfterMs,
      };
    case 'permanent':
      return {
        ...base,
        outcome: 'permanent',
        status,
        error_code: recorded.errorCode,
        reason: recorded.reason ?? 'REJECTED',
      };
  }
}

function idle(loaded: LoadedAttempt, outcome: 'parked' | 'busy'): AttemptResult {
  return { ...common(loaded), outcome };
}

function ended(loaded: LoadedAttempt): AttemptResult {
  const { status, reason, lastStatusCode } = loaded.delivery;
  return { ...common(loaded), outcome: 'ended', status, reason, last_status_code: lastStatusCode };
}

function common(loaded: LoadedAttempt): { attempts: number; expires_at: string } {
  return { attempts: runAttempts(loaded), expires_at: loaded.delivery.expiresAt.toISOString() };
}

/** POSTs made in the current replay. */
function runAttempts({ delivery }: LoadedAttempt): number {
  return delivery.attempts - delivery.attemptsAtReplay;
}
