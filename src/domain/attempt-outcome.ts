/**
 * What an HTTP answer, or its absence, means for a delivery.
 * The one table that decides between success, another try and the dead letter.
 */
import type { DeadLetterReason } from './delivery-state';

/** Why no usable answer came. */
export const failureCodes = [
  'timeout',
  'connection_refused',
  'connection_reset',
  'dns_not_found',
  'dns_failed',
  'tls_failed',
  'address_blocked',
  'bad_response',
] as const;

export type FailureCode = (typeof failureCodes)[number];
export type AttemptErrorCode = FailureCode | 'http_status' | 'redirect_rejected';

export type AttemptVerdict =
  | { readonly kind: 'success' }
  | {
      readonly kind: 'retry';
      readonly errorCode: AttemptErrorCode;
      /** 429 and 503 may say when to come back. */
      readonly honoursRetryAfter: boolean;
    }
  | {
      readonly kind: 'permanent';
      readonly errorCode: AttemptErrorCode;
      /** `GONE`: the receiver asks never to be called again. */
      readonly reason: DeadLetterReason;
    };

const retriedClientErrors = new Set([408, 425, 429]);
const retryAfterStatuses = new Set([429, 503]);

/**
 * @param statusCode of the final answer
 * @see Standard Webhooks 1.0.0, "Delivery success and failure": only 2xx succeeds, redirects are not followed
 */
export function classifyStatus(statusCode: number): AttemptVerdict {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'success' };
  if (statusCode >= 300 && statusCode < 400) {
    return { kind: 'retry', errorCode: 'redirect_rejected', honoursRetryAfter: false };
  }
  if (statusCode === 410) return permanent('http_status', 'GONE');
  if (statusCode >= 400 && statusCode < 500 && !retriedClientErrors.has(statusCode)) {
    return permanent('http_status', 'REJECTED');
  }
  if (statusCode >= 400 && statusCode < 600) {
    return { kind: 'retry', errorCode: 'http_status', honoursRetryAfter: retryAfterStatuses.has(statusCode) };
  }
  return { kind: 'retry', errorCode: 'bad_response', honoursRetryAfter: false };
}

/** A destination that may not be contacted will not become allowed by waiting; all else may pass. */
export function classifyFailure(code: FailureCode): AttemptVerdict {
  if (code === 'address_blocked') return permanent(code, 'ADDRESS_BLOCKED');
  return { kind: 'retry', errorCode: code, honoursRetryAfter: false };
}

function permanent(errorCode: AttemptErrorCode, reason: DeadLetterReason): AttemptVerdict {
  return { kind: 'permanent', errorCode, reason };
}

/** What made an attempt due. */
export type AttemptTrigger = 'initial' | 'retry' | 'resume' | 'manual';
