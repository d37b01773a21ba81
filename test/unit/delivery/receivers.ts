/** Real receivers for the sender's tests; every one of them is closed by `closeReceivers`. */
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';

const closers: (() => Promise<void>)[] = [];

export interface Receiver {
  url: string;
  port: number;
  /** Connections accepted so far. */
  sockets: Set<Socket>;
  /** Resolves once every connection accepted so far has ended. */
  allClosed(): Promise<void>;
}

export async function closeReceivers(): Promise<void> {
  await Promise.all(closers.splice(0).map((close) => close()));
}

/** A receiver that speaks proper HTTP. */
export function startHttp(handler: http.RequestListener): Promise<Receiver> {
  return listen(http.createServer(handler), 'http');
}

/** A receiver that does as it likes with the bytes. */
export function startRaw(handler: (socket: Socket) => void): Promise<Receiver> {
  return listen(net.createServer(handler), 'http');
}

/** A receiver that calls `handler` once the head of a request has come in. */
export function startAnswering(handler: (socket: Socket) => void): Promise<Receiver> {
  return startRaw((socket) => {
    socket.once('data', () => handler(socket));
  });
}

export function startTls(options: tls.TlsOptions): Promise<Receiver> {
  return listen(tls.createServer(options), 'https');
}

async function listen(server: net.Server, scheme: string): Promise<Receiver> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}/hook`,
    port,
    sockets,
    async allClosed() {
      // events.once would reject on the reset that many of these connections end with.
      const open = [...sockets].filter((socket) => !socket.closed);
      await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    },
  };
}
