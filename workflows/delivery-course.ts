/**
 * What has happened to a delivery so far, what was asked of it by signals, and what the UI shows of both.
 * The workflow decides; this remembers and waits.
 */
import { condition, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { AttemptTrigger } from '../src/domain/attempt-outcome';
import type { DeliveryStatus } from '../src/domain/delivery-state';
import type { AttemptResult, DeliveryStatusAnswer } from '../src/temporal/contracts';
import { searchAttributes } from '../src/temporal/search-attributes';
import { describeResult, renderDetails, type AttemptLine } from './delivery-details';

type WaitingState = 'waiting' | 'parked' | 'busy' | 'blocked';

export class DeliveryCourse {
  readonly status: DeliveryStatusAnswer = { state: 'attempting', attempts: 0, next_attempt_at: null, last_error: null };
  cancelled = false;
  /** An attempt could not be made at all. */
  wasBlocked = false;
  private wantsRetry = false;
  private wasResumed = false;
  private expiresAtMs: number;
  private readonly attempts: AttemptLine[] = [];
  private shownStatus = workflowInfo().typedSearchAttributes.get(searchAttributes.deliveryStatus);

  /** @param ttlMs until an attempt tells the exact time at which the delivery is given up */
  constructor(ttlMs: number) {
    this.expiresAtMs = workflowInfo().runStartTime.getTime() + ttlMs;
  }

  remainingMs(): number {
    return Math.max(1, this.expiresAtMs - Date.now());
  }

  retryNow(): void {
    this.wantsRetry = true;
  }

  resume(): void {
    this.wasResumed = true;
  }

  cancel(): void {
    this.cancelled = true;
  }

  /** Before an attempt, never after it: a `resume` that arrives while the attempt parks must not be lost. */
  forgetSignals(): void {
    this.wantsRetry = false;
    this.wasResumed = false;
  }

  expired(): boolean {
    return Date.now() >= this.expiresAtMs;
  }

  note(result: AttemptResult, at: string): void {
    this.status.attempts = result.attempts;
    this.expiresAtMs = Date.parse(result.expires_at);
    this.mark(result.outcome === 'parked' ? 'PAUSED' : 'IN_PROGRESS');
    if (!wasSent(result)) return;
    this.status.last_error = result.outcome === 'success' ? null : describeResult(result);
    this.attempts.push({ number: result.attempts, at, result: describeResult(result) });
  }

  show(state: DeliveryStatusAnswer['state'], nextAttemptAt: string | null = null): void {
    this.status.state = state;
    this.status.next_attempt_at = nextAttemptAt;
    setCurrentDetails(renderDetails(this.status, this.attempts, new Date(this.expiresAtMs).toISOString()));
  }

  /**
   * Waits for the time, a signal or the end of the delivery's time, whichever comes first. A resume ends
   * parking and being busy only: it comes late at times, and must not cut a backoff short.
   */
  async wait(state: WaitingState, delayMs: number, summary: string): Promise<AttemptTrigger> {
    if (state === 'blocked') this.wasBlocked = true;
    const waitMs = Math.max(1, Math.min(delayMs, this.expiresAtMs - Date.now()));
    this.show(state, new Date(Date.now() + waitMs).toISOString());
    const resumed = (): boolean => (state === 'parked' || state === 'busy') && this.wasResumed;
    await condition(() => this.wantsRetry || resumed() || this.cancelled, waitMs, { summary });
    if (this.wantsRetry) return 'manual';
    return state === 'parked' ? 'resume' : 'retry';
  }

  /** Upserted only when it says something new to whoever filters by it, never for each attempt. */
  mark(status: DeliveryStatus): void {
    // Where the server does not know the attribute, deliveries are started without it.
    if (this.shownStatus === undefined || this.shownStatus === status) return;
    this.shownStatus = status;
    upsertSearchAttributes([{ key: searchAttributes.deliveryStatus, value: status }]);
  }
}

/** Gates that closed before the POST leave nothing to list. */
function wasSent(result: AttemptResult): boolean {
  if (result.outcome === 'success') return true;
  if (result.outcome !== 'retry' && result.outcome !== 'permanent') return false;
  return result.status !== null || result.error_code !== null;
}
