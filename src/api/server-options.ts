/**
 * How connections are treated before a request has come of them: how long they may take, how much they
 * may say, and the answer to what is no HTTP. Routes, hooks and `inject` know nothing of it.
 */
import type { Socket } from 'node:net';
import type { FastifyHttpOptions, RawServerDefault } from 'fastify';
import { EverhookError, type EverhookErrorOptions } from '../domain/errors';
import { newId } from '../domain/ids';
import { failed } from './envelope';
import { toErrorBody } from './plugins/errors';

/** In milliseconds. Headers come in one packet or a few; bodies may be 4 MiB over a slow line. */
const headersTimeout = 10_000;
const requestTimeout = 30_000;

export const serverOptions = {
  requestTimeout,
  // Longer than any request may take, and than what a load balancer keeps a connection open for.
  connectionTimeout: 90_000,
  keepAliveTimeout: 72_000,
  http: {
    headersTimeout,
    // Node's own limit can be raised for a whole process; ours stays.
    maxHeaderSize: 16 * 1024,
    // How often the timeouts above are looked after.
    connectionsCheckingInterval: 5_000,
  },
  clientErrorHandler: answerClientError,
} satisfies FastifyHttpOptions<RawServerDefault>;

/** What Node's parser refuses, by its error code; anything else is not HTTP. */
const refusals: Record<string, { statusLine: string; options: EverhookErrorOptions }> = {
  HPE_HEADER_OVERFLOW: {
    statusLine: '431 Request Header Fields Too Large',
    options: { field: 'headers', publicMessage: 'Path and headers together are larger than 16 KiB.' },
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    statusLine: '408 Request Timeout',
    options: { publicMessage: 'The request did not come in time.' },
  },
};

const notHttp = {
  statusLine: '400 Bad Request',
  options: { publicMessage: 'The request is not valid HTTP/1.1.' },
} as const;

function answerClientError({ code = '', message }: Error & { code?: string }, socket: Socket): void {
  // Nobody is there to read it, or an answer is on its way already and must not be cut in two.
  // Node has no public name for the answer that is under way; its own handler looks at this, too.
  const answer = Reflect.get(socket, '_httpMessage') as { headersSent: boolean } | null | undefined;
  if (code === 'ECONNRESET' || !socket.writable || answer?.headersSent) {
    socket.destroy();
    return;
  }
  const { statusLine, options } = refusals[code] ?? notHttp;
  const body = JSON.stringify(failed(toErrorBody(new EverhookError('VALIDATION_ERROR', message, options))));
  socket.end(
    [
      `HTTP/1.1 ${statusLine}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${newId()}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
