/**
 * What has happened to a delivery so far, what was asked of it by signals, and what the UI shows of both.
 * The workflow decides; this remembers.
 */
import { condition, setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { DeliveryStatus } from '../src/domain/delivery-state';
import type { AttemptResult, AttemptTrigger, DeliveryStatusAnswer } from '../src/temporal/contracts';
import { searchAttributes } from '../src/temporal/search-attributes';
import { describeResult, renderDetails, type AttemptLine } from './delivery-details';

export class DeliveryCourse {
  readonly status: DeliveryStatusAnswer = { state: 'attempting', attempts: 0, next_attempt_at: null, last_error: null };
  cancelled = false;
  private wokenBy: 'manual' | 'resume' | undefined;
  private expiresAt: string | null = null;
  private readonly attempts: AttemptLine[] = [];
  private shownStatus: DeliveryStatus = 'IN_PROGRESS';

  wake(by: 'manual' | 'resume'): void {
    this.wokenBy = by;
  }

  cancel(): void {
    this.cancelled = true;
  }

  /** Before an attempt, never after it: a `resume` that arrives while the attempt parks must not be lost. */
  forgetSignals(): void {
    this.wokenBy = undefined;
  }

  expired(): boolean {
    return this.expiresAt !== null && Date.now() >= Date.parse(this.expiresAt);
  }

  note(result: AttemptResult, at: string): void {
    this.status.attempts = result.attempts;
    this.expiresAt = result.expires_at;
    if (!wasSent(result)) return;
    this.status.last_error = result.outcome === 'success' ? null : describeResult(result);
    this.attempts.push({ number: result.attempts, at, result: describeResult(result) });
  }

  show(state: DeliveryStatusAnswer['state'], nextAttemptAt: string | null = null): void {
    this.status.state = state;
    this.status.next_attempt_at = nextAttemptAt;
    setCurrentDetails(renderDetails(this.status, this.attempts, this.expiresAt));
  }

  /** Waits for the time, a signal or the end of the delivery's time, whichever comes first. */
  async wait(state: 'waiting' | 'parked' | 'busy', delayMs: number, summary: string): Promise<AttemptTrigger> {
    const leftMs = this.expiresAt === null ? delayMs : Math.max(1, Date.parse(this.expiresAt) - Date.now());
    const waitMs = Math.min(delayMs, leftMs);
    this.show(state, new Date(Date.now() + waitMs).toISOString());
    await condition(() => this.wokenBy !== undefined || this.cancelled, waitMs, { summary });
    return this.wokenBy ?? (state === 'parked' ? 'resume' : 'retry');
  }

  /** Upserted only when it says something new to whoever filters by it, never for each attempt. */
  mark(status: DeliveryStatus): void {
    if (status === this.shownStatus) return;
    this.shownStatus = status;
    // Where the server could not register the attributes, deliveries are started without them.
    const known = workflowInfo().typedSearchAttributes.get(searchAttributes.deliveryStatus) !== undefined;
    if (known) upsertSearchAttributes([{ key: searchAttributes.deliveryStatus, value: status }]);
  }
}

/** Gates that closed before the POST leave nothing to list. */
function wasSent(result: AttemptResult): boolean {
  if (result.outcome === 'success') return true;
  if (result.outcome !== 'retry' && result.outcome !== 'permanent') return false;
  return result.status !== null || result.error_code !== null;
}
