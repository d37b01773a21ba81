/**
 * What staff read about a delivery in the Temporal UI: where it stands, what to do, the last attempts.
 * Markdown, made from ids, codes and numbers only, so that nothing of a payload or an answer can appear.
 */
import { statusOf, type EndReason } from '../src/domain/delivery-state';
import type { AttemptResult, DeliveryInput, DeliveryStatusAnswer } from '../src/temporal/contracts';
import { adviceAfter, whyEnded } from './delivery-end';
import { code, page, time } from './markdown';

const shownAttempts = 5;

/** One finished attempt, as the UI shows it. */
export interface AttemptLine {
  readonly number: number;
  readonly at: string;
  readonly result: string;
}

export interface ShownDelivery {
  readonly input: Pick<DeliveryInput, 'event_id' | 'event_type' | 'webhook_id' | 'policy'>;
  readonly status: DeliveryStatusAnswer;
  /** Why it ended; null also after a success. */
  readonly endReason: EndReason | null;
  /** Of this run, the latest last. */
  readonly attempts: readonly AttemptLine[];
  /** ISO 8601. */
  readonly expiresAt: string;
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

/** What to do comes before what has been, because the UI shows a few lines only. */
export function renderDetails(delivery: ShownDelivery): string {
  return page([`**${headline(delivery)}**`, advice(delivery), table(delivery.attempts), facts(delivery)]);
}

function headline({ status, endReason }: ShownDelivery): string {
  const next = status.attempts + 1;
  switch (status.state) {
    case 'attempting':
      return `Attempt ${next} is under way`;
    case 'waiting':
      return `Waiting for attempt ${next}`;
    case 'parked':
      return 'Parked: the webhook is paused';
    case 'busy':
      return 'Waiting for its turn: the webhook or the tenant has as many requests under way as it may';
    case 'blocked':
      return 'Blocked: the attempt could not be made or recorded';
    case 'ended':
      if (endReason === null) return 'Delivered';
      return `${statusOf(endReason) === 'DEAD_LETTER' ? 'Dead letter' : 'Cancelled'}, ${endReason}: ${whyEnded(endReason)}`;
  }
}

function advice({ input, status, endReason }: ShownDelivery): string {
  const control = code(`webhook:${input.webhook_id}`);
  switch (status.state) {
    case 'attempting':
      return 'Nothing to do: the answer of the receiver is awaited.';
    case 'waiting':
      return 'Nothing has to be done. Send the signal `retryNow` to try at once, or `cancel` to give up.';
    case 'parked':
      return `It goes on when the webhook is resumed: send the update \`resume\` to ${control}. To give up, send the signal \`cancel\` here.`;
    case 'busy':
      return 'Nothing to do: its turn comes by itself.';
    case 'blocked':
      return 'It is tried again by itself. If that lasts, tell those who run Everhook: the last failed activity in the history says why.';
    case 'ended':
      return endReason === null ? 'Nothing to do.' : adviceAfter(endReason);
  }
}

function table(attempts: readonly AttemptLine[]): string | undefined {
  if (attempts.length === 0) return undefined;
  const rows = attempts
    .slice(-shownAttempts)
    .map(({ number, at, result }) => `| ${number} | ${time(at)} | ${result} |`);
  return ['| Attempt | At | Result |', '|---|---|---|', ...rows].join('\n');
}

function facts({ input, status, expiresAt }: ShownDelivery): string {
  const next = status.next_attempt_at;
  const lines = [
    next === null ? undefined : `**${status.state === 'waiting' ? 'Next attempt' : 'Looked at again'}:** ${time(next)}`,
    `**Attempts:** ${status.attempts} of at most ${input.policy.delays_ms.length + 1}`,
    status.state === 'ended' ? undefined : `**Given up at:** ${time(expiresAt)}`,
    `**Event:** ${code(input.event_id)}, ${code(input.event_type)}`,
    `**Webhook:** ${code(input.webhook_id)}`,
  ];
  return lines.filter((line) => line !== undefined).join('  \n');
}
