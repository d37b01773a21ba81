import { errorTable, EverhookError, invalidField, type ErrorCode } from '../../../src/domain/errors';

const codes = Object.keys(errorTable) as ErrorCode[];

describe('the error table', () => {
  it.each([
    ['VALIDATION_ERROR', 400],
    ['MALFORMED_JSON', 400],
    ['UNAUTHORIZED', 401],
    ['FORBIDDEN', 403],
    ['NOT_FOUND', 404],
    ['EVENT_ID_CONFLICT', 409],
    ['IDEMPOTENCY_CONFLICT', 409],
    ['INVALID_STATE', 409],
    ['PAYLOAD_TOO_LARGE', 413],
    ['UNSUPPORTED_MEDIA_TYPE', 415],
    ['MAX_WEBHOOKS_EXCEEDED', 422],
    ['URL_NOT_ALLOWED', 422],
    ['RATE_LIMITED', 429],
    ['INTERNAL_ERROR', 500],
    ['UNAVAILABLE', 503],
  ] as const)('answers %s with %d', (code, status) => {
    expect(new EverhookError(code, 'detail').status).toBe(status);
  });

  it.each(codes)('says in one or more sentences what %s means', (code) => {
    expect(errorTable[code].publicMessage).toMatch(/^[A-Z].*[^.]\.$/);
  });
});

describe('an error', () => {
  it('keeps its detail for the logs and gives clients the message of its code', () => {
    const error = new EverhookError('NOT_FOUND', 'no webhook 01J of tenant acme');

    expect(error.message).toBe('NOT_FOUND: no webhook 01J of tenant acme');
    expect(error.publicMessage).toBe(errorTable.NOT_FOUND.publicMessage);
    expect(error).toMatchObject({ name: 'EverhookError', field: undefined, details: undefined });
  });

  it('carries what its thrower knows more exactly', () => {
    const cause = new Error('underneath');
    const details = { limit: 10, remaining: 0 };

    const error = new EverhookError('RATE_LIMITED', 'acme', {
      publicMessage: 'Ten a second.',
      field: 'x',
      details,
      cause,
    });

    expect(error).toMatchObject({ publicMessage: 'Ten a second.', field: 'x', details, cause });
  });

  it('about a field names it and tells the client what would be right', () => {
    const error = invalidField('query.limit', 'limit must be at most 100.');

    expect(error).toMatchObject({
      code: 'VALIDATION_ERROR',
      status: 400,
      field: 'query.limit',
      publicMessage: 'limit must be at most 100.',
      message: 'VALIDATION_ERROR: query.limit: limit must be at most 100.',
    });
  });
});
