/** What every system that is compared with Everhook accepts events by: bare node:http, and nothing else. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { reportReady } from '../server-process';

/**
 * Answers 202 when `accept` has accepted the body, and 503 when it throws.
 *
 * @param close ends what the system has open besides
 */
export function serveAccept(accept: (body: string) => Promise<void>, close: () => Promise<unknown>): Server {
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      accept(Buffer.concat(chunks).toString()).then(
        () => response.writeHead(202, { 'content-type': 'application/json' }).end('{"accepted":true}'),
        (error: unknown) => {
          process.stderr.write(`${String(error)}\n`);
          response.writeHead(503).end();
        },
      );
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    reportReady(`http://127.0.0.1:${port}`, async () => {
      server.close();
      server.closeAllConnections();
      await close();
    });
  });
  return server;
}
