/**
 * The receiver of the suite: writes down every request that arrives, checks its signature and its body, and answers
 * as its path says.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBody } from '../support/receiver';

export interface Arrival {
  readonly deliveryId: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly attempt: number;
  readonly signed: boolean;
  /** Of the payload as it came. */
  readonly payloadHash: string;
  /** 0 when it was never answered. */
  status: number;
  /** Milliseconds of the monotonic clock. */
  readonly at: number;
}

/** @returns the status it answered with; 0 when it did not */
export type Behaviour = (arrival: Arrival, response: ServerResponse) => number;

export interface ChaosReceiver {
  readonly arrivals: Arrival[];
  readonly port: number;
  /** Secrets of a webhook, by which its requests are checked; several while they rotate. */
  trust(webhookId: string, secret: string): void;
  /** What is done with requests to a path; those to others are answered 204. */
  behave(path: string, behaviour: Behaviour): void;
  stop(): Promise<void>;
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url');

export async function startChaosReceiver(): Promise<ChaosReceiver> {
  const arrivals: Arrival[] = [];
  const secrets = new Map<string, string[]>();
  const behaviours = new Map<string, Behaviour>();

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const headers = request.headers as Record<string, string>;
    const parsed = parse(body);
    const arrival: Arrival = {
      deliveryId: headers['webhook-id'] ?? '',
      webhookId: parsed.webhook_id,
      eventId: parsed.event_id,
      attempt: Number(headers['x-webhook-attempt']),
      signed: (secrets.get(parsed.webhook_id) ?? []).some((secret) => isSigned(secret, body, headers)),
      payloadHash: hashOf(parsed.payload),
      status: 0,
      at: performance.now(),
    };
    arrivals.push(arrival);
    const behaviour = behaviours.get(request.url ?? '');
    if (behaviour) arrival.status = behaviour(arrival, response);
    else {
      arrival.status = 204;
      response.writeHead(204).end();
    }
  };

  const server = createServer((request, response) => {
    // A sender that was killed cuts its request off.
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    arrivals,
    port,
    trust: (webhookId, secret) => void secrets.set(webhookId, [...(secrets.get(webhookId) ?? []), secret]),
    behave: (path, behaviour) => void behaviours.set(path, behaviour),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** By Standard Webhooks, whatever the time in it: the clock of the sender may be one that the suite has moved. */
function isSigned(secret: string, body: string, headers: Record<string, string>): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  return (headers['webhook-signature'] ?? '').split(' ').some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** The payload is the last member of the body, and is compared as text. */
function parse(body: string): { webhook_id: string; event_id: string; payload: string } {
  const { webhook_id, event_id } = JSON.parse(body) as { webhook_id: string; event_id: string };
  const mark = '"data":';
  return { webhook_id, event_id, payload: body.slice(body.indexOf(mark) + mark.length, -1) };
}
