/**
 * What has happened to a delivery so far, what was asked of it by signals, and what the UI shows of both.
 * The workflow decides; this remembers and waits.
 */
import { condition, patched, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { AttemptTrigger } from '../src/domain/attempt-outcome';
import type { DeliveryStatus, EndReason } from '../src/domain/delivery-state';
import type { AttemptResult, DeliveryInput, DeliveryStatusAnswer } from '../src/temporal/contracts';
import { searchAttributes } from '../src/temporal/search-attributes';
import { describeResult, renderDetails, type AttemptLine } from './delivery-details';

const failingIsMarked = 'failing-is-marked';

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
  private endReason: EndReason | null = null;
  private shownStatus = workflowInfo().typedSearchAttributes.get(searchAttributes.deliveryStatus);

  constructor(private readonly input: DeliveryInput) {
    // Until an attempt tells the exact time at which the delivery is given up.
    this.expiresAtMs = workflowInfo().runStartTime.getTime() + input.policy.ttl_ms;
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
    this.markAfter(result.outcome);
    if (!wasSent(result)) return;
    this.status.last_error = result.outcome === 'success' ? null : describeResult(result);
    this.attempts.push({ number: result.attempts, at, result: describeResult(result) });
  }

  show(state: DeliveryStatusAnswer['state'], nextAttemptAt: string | null = null): void {
    this.status.state = state;
    this.status.next_attempt_at = nextAttemptAt;
    const { input, status, endReason, attempts } = this;
    const expiresAt = new Date(this.expiresAtMs).toISOString();
    setCurrentDetails(renderDetails({ input, status, endReason, attempts, expiresAt }));
  }

  /** @param reason null after a success */
  showEnd(reason: EndReason | null): void {
    this.endReason = reason;
    this.show('ended');
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

  /** A delivery that never failed nor parked stays IN_PROGRESS: what it has become is the state of its workflow. */
  private markAfter(outcome: AttemptResult['outcome']): void {
    if (outcome === 'parked') this.mark('PAUSED');
    else if (outcome === 'success' && this.shownStatus !== 'IN_PROGRESS') this.mark('SUCCESS');
    else if (this.shownStatus !== 'FAILED_RETRY') this.mark('IN_PROGRESS');
  }

  /** What fails now can be filtered by; once for all attempts of a run that has not parked in between. */
  markFailing(): void {
    if (this.shownStatus === undefined || this.shownStatus === 'FAILED_RETRY') return;
    // Runs that are older than this upsert have none here in their history.
    if (patched(failingIsMarked)) this.mark('FAILED_RETRY');
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
