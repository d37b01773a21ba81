/**
 * A receiver for the first delivery: it checks each signature and prints one line per arrival.
 * It shows what came, so a wrong signature is printed instead of refused. Never more than loopback.
 *
 * `POST /flaky` fails the first attempts of each delivery, `POST /fail` all of them, any other path accepts.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DemoReceiverOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** Of the demo webhook: `whsec_` and base64. */
  secret: string;
  /** Gets one line without control characters per arrival. */
  print: (line: string) => void;
  /** How many attempts `/flaky` answers with 503 per delivery. */
  failFirst?: number;
}

export interface DemoReceiver {
  url: string;
  /** Drops open connections. Safe to call twice. */
  stop(): Promise<void>;
}

const maxBodyBytes = 1024 * 1024;
const maxRememberedDeliveries = 10_000;
const timestampToleranceSeconds = 5 * 60;
const shownBodyChars = 200;

export async function startDemoReceiver(options: DemoReceiverOptions): Promise<DemoReceiver> {
  const { secret, print, failFirst = 2 } = options;
  const failures = new Map<string, number>();

  function statusFor(path: string, deliveryId: string): number {
    if (path === '/fail') return 500;
    if (path !== '/flaky') return 204;
    const failed = failures.get(deliveryId) ?? 0;
    failures.delete(deliveryId);
    if (failed >= failFirst) return 204;
    failures.set(deliveryId, failed + 1);
    const [oldest] = failures.keys();
    if (failures.size > maxRememberedDeliveries && oldest !== undefined) failures.delete(oldest);
    return 503;
  }

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return answer(response, 405, { allow: 'POST' });
    const body = await readBody(request);
    if (body === undefined) {
      print(`refused a body of more than ${maxBodyBytes} bytes: answered 413`);
      return answer(response, 413);
    }

    const { headers } = request;
    const deliveryId = header(headers, 'webhook-id');
    const signature = isSigned(headers, body, secret) ? 'ok' : 'WRONG';
    const status = statusFor((request.url ?? '/').split('?')[0] ?? '/', deliveryId);
    print(
      `${shown(header(headers, 'x-webhook-event') || 'no type', 128)}  ${shown(deliveryId || 'no id', 64)}  ` +
        `attempt ${shown(header(headers, 'x-webhook-attempt') || '?', 8)}  signature ${signature}  ` +
        `answered ${status}  ${shown(body.toString('utf8'), shownBodyChars)}`,
    );
    answer(response, status);
  }

  const server = createServer((request, response) => {
    // Only a connection that broke can fail here, and its sender has gone with it.
    receive(request, response).catch(() => response.destroy());
  });
  server.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;

  let stopping: Promise<void> | undefined;
  return {
    url: `http://${options.host}:${port}`,
    stop: () =>
      (stopping ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      })),
  };
}

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers).end();
}

/**
 * Undefined when the body is too large. The rest is read and dropped, because a sender that is still sending when
 * the connection closes would see a broken connection instead of the answer.
 */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size <= maxBodyBytes ? Buffer.concat(chunks) : undefined;
}

/** @see Standard Webhooks 1.0.0, "Verifying signatures": any one signature of the list may match */
function isSigned(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const timestamp = header(headers, 'webhook-timestamp');
  const ageSeconds = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!/^\d+$/.test(timestamp) || ageSeconds > timestampToleranceSeconds) return false;

  const prefix = 'whsec_';
  const key = secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret);
  const expected = createHmac('sha256', key)
    .update(`${header(headers, 'webhook-id')}.${timestamp}.`)
    .update(body)
    .digest();
  return header(headers, 'webhook-signature')
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice('v1,'.length), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

function header(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** What arrives must not be able to move the cursor, colour the terminal or start a line of its own. */
function shown(text: string, maxChars: number): string {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
  return cut.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '·');
}
