/** Turns whatever is thrown into the error envelope. Only what is meant for clients leaves the process. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { EverhookError } from '../../domain/errors';
import { sqlState } from '../../store/sql-errors';
import { failed, type ErrorBody } from '../envelope';
import { explainValidation } from './validation';

export const errorsPlugin = fp((app) => {
  app.setNotFoundHandler((request, reply) => {
    void send(
      reply,
      new EverhookError('NOT_FOUND', `no route ${request.method} ${request.url}`, {
        publicMessage: 'There is no such route; see /openapi.json.',
      }),
    );
  });
  app.setErrorHandler((error, request, reply) => {
    // A request that was read to its end is destroyed as well.
    const known = request.raw.readableAborted ? abandoned(error) : toEverhookError(error as FastifyError);
    if (known.status >= 500) request.log.error({ err: error }, 'request failed');
    else request.log.debug({ code: known.code, detail: known.message }, 'request refused');
    return send(reply, known);
  });
  return Promise.resolve();
});

/** Answers what the router refuses before any plugin sees it: a path that is badly encoded or has an endless id. */
export function refusePath(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('x-request-id', request.id);
  const endless = error.code === 'FST_ERR_MAX_PARAM_LENGTH';
  void send(
    reply,
    endless
      ? new EverhookError('NOT_FOUND', error.message)
      : new EverhookError('VALIDATION_ERROR', error.message, {
          field: 'path',
          publicMessage: 'The path is not valid percent-encoded UTF-8.',
        }),
  );
}

function send(reply: FastifyReply, error: EverhookError): FastifyReply {
  if (error.code === 'UNAUTHORIZED') void reply.header('www-authenticate', 'Bearer realm="everhook"');
  if (error.code === 'UNAVAILABLE') void reply.header('retry-after', '1');
  // A limit that was met says in how many seconds it is worth another try.
  const reset = error.details?.['reset'];
  if (error.status === 429 && typeof reset === 'number') void reply.header('retry-after', String(reset));
  return reply
    .code(error.status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(failed(toErrorBody(error)));
}

/** What clients see of an error. */
export function toErrorBody(error: EverhookError): ErrorBody {
  return {
    code: error.code,
    message: error.publicMessage,
    ...(error.field !== undefined && { field: error.field }),
    ...(error.details !== undefined && { details: error.details }),
  };
}

export function toEverhookError(error: FastifyError): EverhookError {
  if (error instanceof EverhookError) return error;
  if (error.validation) return explainValidation(error.validation, error.validationContext);
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new EverhookError('PAYLOAD_TOO_LARGE', error.message, { cause: error });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new EverhookError('UNSUPPORTED_MEDIA_TYPE', error.message, { cause: error });
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new EverhookError('MALFORMED_JSON', error.message, { cause: error });
  }
  if (isOutage(error)) return new EverhookError('UNAVAILABLE', error.message, { cause: error });
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new EverhookError('VALIDATION_ERROR', error.message, { cause: error });
  }
  return new EverhookError('INTERNAL_ERROR', error.message, { cause: error });
}

/** The client went away in the middle of its request; nobody reads the answer. */
function abandoned(error: unknown): EverhookError {
  return new EverhookError('MALFORMED_JSON', 'the request was broken off', { cause: error });
}

/** What pg says, without a code, of a pool that got no connection and of one that was cut before or during a query. */
const lostConnection = /timeout exceeded when trying to connect|Connection terminated|is not queryable/;

/**
 * SQLSTATEs of what passes: connection failures, too many connections, shutdown or somebody's hand, a deadlock.
 * The classes of Postgres's appendix A.
 */
const passingState = /^(08|53|57|40001|40P01)/;

/** The database or KMS is away or too busy, which is not the caller's fault and passes. */
function isOutage(error: unknown): boolean {
  if (passingState.test(sqlState(error) ?? '')) return true;
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current.name === 'KmsUnavailable') return true;
    const { code } = current as { code?: unknown };
    if (typeof code !== 'string') continue;
    // P10xx, P2024 and P2037 are Prisma's words for a database that is not to be had, P2028 for a transaction that
    // could not begin or end in time because too many others are at it.
    if (/^(P10\d\d|P2024|P2028|P2037)$/.test(code)) return true;
    if (/^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND)$/.test(code)) return true;
  }
  return error instanceof Error && lostConnection.test(error.message);
}
