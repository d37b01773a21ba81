/**
 * One HTTP POST: connection reuse, a total deadline, a bounded response.
 * Whatever a receiver does, the caller gets a value to record and no exception.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Agent, type Dispatcher } from 'undici';
import type { FailureCode } from '../domain/attempt-outcome';
import { isSendableHeader } from './custom-headers';
import type { CheckedUrl, EgressGuard } from '../egress/egress-guard';
import { HttpFailureError, httpFailureOf } from './http-failure';
import { createOriginSlots } from './origin-slots';

export interface HttpSenderOptions {
  guard: EgressGuard;
  userAgent: string;
  /** Response body bytes kept; 16384 unless told. */
  maxResponseBytes?: number;
  /** Bounds DNS, TCP and TLS; 5000 unless told. */
  connectTimeoutMs?: number;
  /** Requests under way to one origin, hence sockets to it; more wait their turn within their own deadline. */
  perOriginConnections: number;
}

export interface HttpRequest {
  url: string;
  /** Sent with the names as given; `User-Agent` and `Accept-Encoding` are the sender's own. */
  headers: Record<string, string>;
  body: string | Buffer;
  /** The whole exchange: waiting for a slot, DNS, connecting, response headers and body. */
  timeoutMs: number;
}

/** How long each phase took, in milliseconds; together they make up `durationMs`. */
export interface HttpTimings {
  /** Waiting for one of the origin's slots. */
  waitMs: number;
  /** DNS, TCP and TLS; near 0 on a reused connection. */
  connectMs: number;
  /** From request sent to response headers read. */
  firstByteMs: number;
  /** Reading the response body. */
  downloadMs: number;
}

export interface HttpResponse {
  kind: 'response';
  /** 200 to 599. */
  statusCode: number;
  /** Lower-case names; at most 64, values cut at 1024 characters, `set-cookie` left out. */
  headers: Record<string, string>;
  /** As it came, undecoded; at most `maxResponseBytes`. */
  body: Buffer;
  /** True when the receiver sent more than was read; its connection was then closed. */
  truncated: boolean;
  remoteIp?: string;
  durationMs: number;
  timings: HttpTimings;
}

export interface HttpFailedExchange {
  kind: 'failure';
  errorCode: FailureCode;
  /** Safe to show to the tenant. */
  message: string;
  /** Set once a request was written to a socket. */
  remoteIp?: string;
  durationMs: number;
}

export type HttpAnswer = HttpResponse | HttpFailedExchange;

export interface HttpSender {
  /**
   * Whatever the receiver does is an answer. A redirect is a response like any other: it is not followed.
   * @throws SenderClosed, and nothing else: what was under way when the sender closed is nobody's failure
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Ends requests under way and closes all connections; may be called again. */
  close(): Promise<void>;
}

/** The process is stopping; the request can be made again by another. */
export class SenderClosed extends Error {
  override readonly name = 'SenderClosed';

  constructor() {
    super('The sender was closed');
  }
}

/** What undici knows about an exchange once it writes the request. */
interface Sent {
  atMs: number;
  remoteIp: string | undefined;
}

const sendHeadersChannel = 'undici:client:sendHeaders';

export function createHttpSender(options: HttpSenderOptions): HttpSender {
  const { guard, userAgent, maxResponseBytes = 16_384, connectTimeoutMs = 5000, perOriginConnections } = options;
  const slots = createOriginSlots(perOriginConnections);
  const agent = new Agent({
    connect: guard.createConnector({ connectTimeoutMs }),
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: 16_384,
    // undici restarts these two on each 1xx answer and each chunk; the deadline of `send` is the one that holds.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 10_000,
    // A socket was checked when it opened; after this age the name is resolved and checked anew.
    clientTtl: 60_000,
  });

  // undici tells only this channel which socket a request went to. The body buffer, ours alone, identifies the request.
  const sentByBody = new WeakMap<object, Sent>();
  const noteSent = (message: unknown) => {
    const { request, socket } = message as { request: { body?: unknown }; socket: Socket };
    if (Buffer.isBuffer(request.body)) {
      sentByBody.set(request.body, { atMs: performance.now(), remoteIp: socket.remoteAddress });
    }
  };
  diagnosticsChannel.subscribe(sendHeadersChannel, noteSent);
  const closing = new AbortController();
  // One listener for each request under way.
  setMaxListeners(0, closing.signal);
  let closed: Promise<void> | undefined;

  return {
    send,
    close() {
      closing.abort(new SenderClosed());
      closed ??= agent.destroy().finally(() => diagnosticsChannel.unsubscribe(sendHeadersChannel, noteSent));
      return closed;
    },
  };

  async function send({ url, headers, body, timeoutMs }: HttpRequest): Promise<HttpAnswer> {
    const startedMs = performance.now();
    // A view of its own even when callers share one Buffer; no bytes are copied.
    const payload = typeof body === 'string' ? Buffer.from(body) : body.subarray();
    const deadline = new AbortController();
    let late = `All connections to this host stayed busy for ${timeoutMs} ms.`;
    const timer = setTimeout(() => deadline.abort(new HttpFailureError('timeout', late)), timeoutMs);
    const onClosing = (): void => deadline.abort(closing.signal.reason);
    closing.signal.addEventListener('abort', onClosing, { once: true });
    try {
      closing.signal.throwIfAborted();
      const target = guard.checkUrl(url);
      const sentHeaders = completeHeaders(headers, userAgent);
      const release = await slots.acquire(target.origin, deadline.signal);
      late = `No complete response within ${timeoutMs} ms.`;
      try {
        const grantedMs = performance.now();
        // undici does not look at the signal before a socket is there, so the deadline needs a promise of its own.
        const read = await Promise.race([
          exchange(target, sentHeaders, payload, deadline.signal),
          rejectWhenAborted(deadline.signal),
        ]);
        const endedMs = performance.now();
        const sent = sentByBody.get(payload);
        const sentMs = sent?.atMs ?? grantedMs;
        return {
          kind: 'response',
          statusCode: read.statusCode,
          headers: boundHeaders(read.headers),
          body: read.body,
          truncated: read.truncated,
          ...(sent?.remoteIp !== undefined && { remoteIp: sent.remoteIp }),
          durationMs: Math.round(endedMs - startedMs),
          timings: {
            waitMs: Math.round(grantedMs - startedMs),
            connectMs: Math.round(sentMs - grantedMs),
            firstByteMs: Math.round(read.headersMs - sentMs),
            downloadMs: Math.round(endedMs - read.headersMs),
          },
        };
      } finally {
        // undici frees a connection one turn of the event loop after the response; sooner, a new one would be opened.
        await nextTurn();
        release();
      }
    } catch (error) {
      // Also when undici noticed first that its agent is gone.
      closing.signal.throwIfAborted();
      const remoteIp = sentByBody.get(payload)?.remoteIp;
      return {
        kind: 'failure',
        ...httpFailureOf(error),
        ...(remoteIp !== undefined && { remoteIp }),
        durationMs: Math.round(performance.now() - startedMs),
      };
    } finally {
      clearTimeout(timer);
      closing.signal.removeEventListener('abort', onClosing);
    }
  }

  async function exchange(target: CheckedUrl, headers: Record<string, string>, body: Buffer, signal: AbortSignal) {
    const { origin, path } = target;
    const response = await agent.request({ origin, path, method: 'POST', headers, body, signal });
    const headersMs = performance.now();
    if (response.statusCode < 200 || response.statusCode > 599) {
      response.body.on('error', () => {}).destroy();
      throw new HttpFailureError('bad_response', 'The response status is outside 200-599.');
    }
    const read = await readBounded(response.body, maxResponseBytes);
    return { statusCode: response.statusCode, headers: response.headers, headersMs, ...read };
  }
}

/**
 * A header undici refuses must not get as far as undici: the throw inside its dispatch has stalled whole pools.
 *
 * @throws HttpFailureError
 */
function completeHeaders(headers: Record<string, string>, userAgent: string): Record<string, string> {
  const complete: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!isSendableHeader(name, value)) {
      throw new HttpFailureError('bad_response', 'The request was not sent: one of its headers is not valid.');
    }
    if (!/^(user-agent|accept-encoding)$/i.test(name)) complete[name] = value;
  }
  complete['User-Agent'] = userAgent;
  // The body is kept as it comes; nothing compressed is asked for and nothing is ever inflated.
  complete['Accept-Encoding'] = 'identity';
  return complete;
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Counts for itself and closes the connection when there is too much: nothing past the limit is buffered or awaited. */
function readBounded(
  stream: Dispatcher.ResponseData['body'],
  maxBytes: number,
): Promise<{ body: Buffer; truncated: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= maxBytes) return;
      resolve({ body: Buffer.concat(chunks, maxBytes), truncated: true });
      stream.destroy();
    });
    stream.on('end', () => resolve({ body: Buffer.concat(chunks, size), truncated: false }));
    stream.on('error', reject);
    stream.on('close', () => {
      // After every good response too, where making an error with its stack would be the dearest part of the exchange.
      if (!stream.readableEnded) reject(new HttpFailureError('connection_reset', 'The connection closed early.'));
    });
  });
}

function boundHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const bounded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers).slice(0, 64)) {
    // A cookie is a credential of the receiver and tells support staff nothing.
    if (value === undefined || name === 'set-cookie') continue;
    bounded[name] = (Array.isArray(value) ? value.join(', ') : value).slice(0, 1024);
  }
  return bounded;
}
