/**
 * Every error a client can meet, by stable code.
 * A released code never changes its meaning or its status.
 */

interface ErrorEntry {
  /** HTTP status of the answer. */
  readonly status: number;
  /** What clients read unless the thrower has something more exact to say to them. */
  readonly publicMessage: string;
}

export const errorTable = {
  VALIDATION_ERROR: { status: 400, publicMessage: 'The request has a field that is not as it must be.' },
  MALFORMED_JSON: { status: 400, publicMessage: 'The body is not valid JSON in UTF-8.' },
  UNAUTHORIZED: { status: 401, publicMessage: 'Credentials are missing, wrong or expired.' },
  FORBIDDEN: { status: 403, publicMessage: 'These credentials do not allow this.' },
  NOT_FOUND: { status: 404, publicMessage: 'Nothing of yours has this id.' },
  EVENT_ID_CONFLICT: { status: 409, publicMessage: 'An event with this id and other content was accepted before.' },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    publicMessage: 'This Idempotency-Key was used before with other content.',
  },
  ROTATION_IN_PROGRESS: { status: 409, publicMessage: 'The secret before the current one still signs.' },
  INVALID_STATE: { status: 409, publicMessage: 'The state it is in does not allow this.' },
  PAYLOAD_TOO_LARGE: { status: 413, publicMessage: 'The body is larger than this route takes.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, publicMessage: 'Send the body as application/json.' },
  MAX_WEBHOOKS_EXCEEDED: { status: 422, publicMessage: 'This tenant has as many active webhooks as its quota allows.' },
  URL_NOT_ALLOWED: { status: 422, publicMessage: 'Webhooks cannot be sent to this URL.' },
  RATE_LIMITED: { status: 429, publicMessage: 'Too many requests; try again later.' },
  QUEUE_FULL: { status: 429, publicMessage: 'The queue of every webhook for this event is full; try again later.' },
  INTERNAL_ERROR: {
    status: 500,
    publicMessage: 'Something went wrong on our side; the request id finds it in our logs.',
  },
  UNAVAILABLE: { status: 503, publicMessage: 'Temporarily unavailable, try again.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

export interface EverhookErrorOptions extends ErrorOptions {
  /** The field of the request that is wrong, as the client wrote it: `event_types`, `query.limit`. */
  readonly field?: string;
  /** Replaces the table's message towards the client: says what is wrong and how to mend it, and nothing secret. */
  readonly publicMessage?: string;
  /** Machine-readable facts for the client, such as a limit. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** `message` goes to our logs; clients receive the code, the public message, the field and the details. */
export class EverhookError extends Error {
  override readonly name = 'EverhookError';
  readonly field: string | undefined;
  readonly publicMessage: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly code: ErrorCode,
    detail: string,
    options: EverhookErrorOptions = {},
  ) {
    super(`${code}: ${detail}`, options);
    this.field = options.field;
    this.publicMessage = options.publicMessage ?? errorTable[code].publicMessage;
    this.details = options.details;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

/** A field of the request is wrong; `fix` tells the client what would be right. */
export function invalidField(field: string, fix: string): EverhookError {
  return new EverhookError('VALIDATION_ERROR', `${field}: ${fix}`, { field, publicMessage: fix });
}
