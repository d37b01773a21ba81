/**
 * What staff read about a delivery in the Temporal UI: where it stands, the last attempts, what comes next.
 * Markdown, made from codes and numbers only, so that nothing of a payload or an answer can appear.
 */
import type { AttemptResult, DeliveryStatusAnswer } from '../src/temporal/contracts';

const shownAttempts = 5;

/** One finished attempt, as the UI shows it. */
export interface AttemptLine {
  readonly number: number;
  readonly at: string;
  readonly result: string;
}

/** `HTTP 503` or the error code, for people. */
export function describeResult(result: AttemptResult): string {
  switch (result.outcome) {
    case 'success':
      return `HTTP ${result.status}`;
    case 'retry':
    case 'permanent':
      return result.status === null ? (result.error_code ?? 'not sent') : `HTTP ${result.status}`;
    case 'cancelled':
    case 'parked':
    case 'busy':
    case 'ended':
      return 'not sent';
  }
}

const advice: Record<DeliveryStatusAnswer['state'], string> = {
  attempting: 'Nothing to do: the answer of the receiver is awaited.',
  waiting: 'Send the signal `retryNow` to try at once, or `cancel` to give up.',
  parked: 'The webhook is paused. Resume the webhook, or send the signal `cancel` to give up.',
  busy: 'The webhook or the tenant has as many requests in flight as it may. Its turn comes by itself.',
  blocked: 'The attempt could not be made: see the failure of the last activity. It is tried again by itself.',
  ended: 'Start this workflow again ("Start Workflow Like This One") to replay the delivery under the same id.',
};

export function renderDetails(
  status: DeliveryStatusAnswer,
  attempts: readonly AttemptLine[],
  expiresAt: string | null,
): string {
  const facts = [
    `**State:** ${status.state}`,
    `**Attempts in this replay:** ${status.attempts}`,
    status.next_attempt_at === null ? undefined : `**Next attempt:** ${status.next_attempt_at}`,
    status.last_error === null ? undefined : `**Last error:** ${status.last_error}`,
    expiresAt === null ? undefined : `**Expires:** ${expiresAt}`,
  ].filter((line) => line !== undefined);

  const table = attempts
    .slice(-shownAttempts)
    .map(({ number, at, result }) => `| ${number} | ${at} | ${result} |`)
    .join('\n');

  const sections = [facts.join('  \n')];
  if (table !== '') sections.push(`| Attempt | At | Result |\n|---|---|---|\n${table}`);
  sections.push(`_${advice[status.state]}_`);
  return sections.join('\n\n');
}
