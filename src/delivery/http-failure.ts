/**
 * Everything that can go wrong below HTTP, as the few codes the API knows.
 * The messages are ours and constant: those of Node and OpenSSL hold addresses.
 */
import type { FailureCode } from '../domain/attempt-outcome';
import { EgressError, UrlNotAllowed } from '../egress/egress-guard';

export interface HttpFailure {
  errorCode: FailureCode;
  /** Safe to show to the tenant. */
  message: string;
}

/** An outcome the sender itself decides, thrown to end the exchange. */
export class HttpFailureError extends Error {
  override readonly name = 'HttpFailureError';

  constructor(
    readonly errorCode: FailureCode,
    message: string,
  ) {
    super(message);
  }
}

const refusedCodes = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL']);
const resetCodes = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'UND_ERR_SOCKET']);
const timeoutCodes = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
/** The names OpenSSL gives to certificate verification results, as Node passes them on. */
const certificateCodes =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH|EPROTO)/;

/** Sorts any thrown value; what is unknown counts as a bad response, so that no error is ever without a code. */
export function httpFailureOf(error: unknown): HttpFailure {
  if (error instanceof HttpFailureError) return { errorCode: error.errorCode, message: error.message };
  if (error instanceof EgressError || error instanceof UrlNotAllowed) {
    return { errorCode: error.code, message: error.message };
  }
  const code = codeOf(error);
  if (timeoutCodes.has(code)) return { errorCode: 'timeout', message: 'The connection timed out.' };
  if (refusedCodes.has(code)) return { errorCode: 'connection_refused', message: 'The connection was refused.' };
  if (certificateCodes.test(code)) {
    return { errorCode: 'tls_failed', message: `The TLS handshake failed (${code}).` };
  }
  if (resetCodes.has(code) && !isProtocolError(error)) {
    return { errorCode: 'connection_reset', message: 'The connection closed before the response was complete.' };
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return { errorCode: 'bad_response', message: 'The response headers are larger than 16 KiB.' };
  }
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') {
    return { errorCode: 'connection_reset', message: 'The sender is shutting down.' };
  }
  return { errorCode: 'bad_response', message: 'The response is not valid HTTP.' };
}

/** Several addresses tried and failed arrive as an AggregateError; the first one speaks for all. */
function codeOf(error: unknown): string {
  const { code, errors } = Object(error) as { code?: unknown; errors?: unknown[] };
  if (typeof code === 'string') return code;
  return errors?.[0] === undefined ? '' : codeOf(errors[0]);
}

/** undici reports an unasked-for 100 or 101 with the same code as a closed socket. */
function isProtocolError(error: unknown): boolean {
  return error instanceof Error && (error.message === 'bad response' || error.message === 'bad upgrade');
}
