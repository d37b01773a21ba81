/**
 * The receiver of every system: the least that answers HTTP/1.1 POSTs, on raw sockets, so that what is measured is
 * the sender. It counts arrivals by their `webhook-id`. Told `reset`, it forgets them; told a status, it answers
 * with that from then on.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface Arrivals {
  readonly all: number;
  /** Of different deliveries. */
  readonly distinct: number;
}

const answerOf = (status: number): Buffer => Buffer.from(`HTTP/1.1 ${status} -\r\nContent-Length: 0\r\n\r\n`);
const endOfHead = Buffer.from('\r\n\r\n');

let answer = answerOf(200);
let all = 0;
let ids = new Set<string>();

createServer({ noDelay: true }, (socket) => serve(socket)).listen(0, '127.0.0.1', function listening(this: unknown) {
  const { port } = (this as { address(): AddressInfo }).address();
  process.send?.(`http://127.0.0.1:${port}/hook`);
});

process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  if (typeof message === 'number') answer = answerOf(message);
  if (message === 'reset') {
    all = 0;
    ids = new Set();
  }
  process.send?.({ all, distinct: ids.size } satisfies Arrivals);
});

function serve(socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const headEnd = pending.indexOf(endOfHead);
      if (headEnd < 0) return;
      const head = pending.toString('latin1', 0, headEnd);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      const end = headEnd + endOfHead.length + length;
      if (pending.length < end) return;
      pending = pending.subarray(end);
      all++;
      ids.add(/\r\nwebhook-id: *(\S+)/i.exec(head)?.[1] ?? '');
      socket.write(answer);
    }
  });
}
