/** How the end of a delivery without success is told to staff: what happened, and what to do about it. */
import type { EndReason } from '../src/domain/delivery-state';
import type { EndDetails } from '../src/temporal/contracts';

interface EndText {
  /** Goes on after the reason's code and a colon. */
  readonly why: string;
  readonly advice: string;
}

const replay =
  'To send it again under the same id: _More Actions_, _Start Workflow Like This One_, change nothing, _Start Workflow_.';
const enableFirst = "Send the update `enable` to the webhook's control workflow before a replay.";

const texts: Record<EndReason, EndText> = {
  EXHAUSTED: { why: 'every attempt failed', advice: `Wait until the receiver works again. ${replay}` },
  REJECTED: {
    why: 'the receiver refused it for good',
    advice: `It will refuse it again until the receiver has been corrected. ${replay}`,
  },
  GONE: { why: 'the receiver wants no more calls, and the webhook was disabled', advice: `${enableFirst} ${replay}` },
  EXPIRED: { why: 'its time was over', advice: replay },
  ADDRESS_BLOCKED: {
    why: 'the address of the webhook may not be contacted',
    advice: `The URL of the webhook has to be changed first. ${replay}`,
  },
  SECRET_UNREADABLE: {
    why: 'the secret or the headers of the webhook cannot be decrypted',
    advice: `The secret of the webhook has to be rotated first, and its headers set again if it has any. ${replay}`,
  },
  QUEUE_FULL: { why: 'the queue of the webhook was full', advice: replay },
  WEBHOOK_DISABLED: { why: 'the webhook was disabled', advice: `${enableFirst} ${replay}` },
  WEBHOOK_DELETED: { why: 'the webhook was deleted', advice: 'It cannot be sent again.' },
  CANCELLED: { why: 'somebody gave it up', advice: replay },
  TERMINATED: { why: 'its workflow was terminated by hand', advice: replay },
};

export function whyEnded(reason: EndReason): string {
  return texts[reason].why;
}

export function adviceAfter(reason: EndReason): string {
  return texts[reason].advice;
}

/** Message of the failure with which the workflow closes. */
export function failureMessage({ reason, attempts }: EndDetails, lastError: string | null): string {
  const count = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  const last = lastError === null ? '' : `, last: ${lastError}`;
  return `${reason} after ${count}: ${whyEnded(reason)}${last}`;
}
