/** A real HTTP receiver on loopback that remembers what arrived and answers as told. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Arrival {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

export type Answer = number | ((response: ServerResponse, arrival: Arrival, count: number) => void);

export interface Receiver {
  readonly url: string;
  readonly arrivals: Arrival[];
  answer: Answer;
  stop(): Promise<void>;
}

/** @param answer a status, or whatever should happen to the response; `count` starts at 1 */
export async function startReceiver(answer: Answer = 204): Promise<Receiver> {
  const receiver: Pick<Receiver, 'arrivals' | 'answer'> = { arrivals: [], answer };
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const arrival = { headers: request.headers, body, path: request.url ?? '' };
      receiver.arrivals.push(arrival);
      if (typeof receiver.answer === 'number') response.writeHead(receiver.answer).end();
      else receiver.answer(response, arrival, receiver.arrivals.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}/hook`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
