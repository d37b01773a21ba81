/**
 * The receiver of every system: the least that answers HTTP/1.1 POSTs, on raw sockets, so that what is measured is
 * the sender. It counts arrivals by their `webhook-id`, where they have one. Told `reset`, it forgets them; told a status, it answers
 * with that from then on. What comes to a path that begins with /hang is never answered; to /slow/50 after 50 ms, to
 * /slow/0/2000 every tenth after 2,000 ms; to /fail every twentieth is answered 500 and not counted, and to /refuse
 * each. Where the body tells `"at"`, in milliseconds of the clock, it notes how long the event has been on its way.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface Arrivals {
  readonly all: number;
  /** Of different deliveries. */
  readonly distinct: number;
  /** From publishing to arriving, in milliseconds; 0 where no body told. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** When the latest came, in milliseconds of the clock; 0 when none did. */
  readonly lastAtMs: number;
}

const answerOf = (status: number): Buffer => Buffer.from(`HTTP/1.1 ${status} -\r\nContent-Length: 0\r\n\r\n`);
const endOfHead = Buffer.from('\r\n\r\n');

let answer = answerOf(200);
let all = 0;
let failing = 0;
let ids = new Set<string>();
let waysMs: number[] = [];
let lastAtMs = 0;

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
    waysMs = [];
    lastAtMs = 0;
  }
  waysMs.sort((a, b) => a - b);
  const quantile = (share: number): number => waysMs[Math.floor((waysMs.length - 1) * share)] ?? 0;
  process.send?.({
    all,
    distinct: ids.size || all,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    p999Ms: quantile(0.999),
    lastAtMs,
  } satisfies Arrivals);
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
      const at = Number(/"at":([\d.]+)/.exec(pending.toString('latin1', headEnd, Math.min(end, headEnd + 512)))?.[1]);
      pending = pending.subarray(end);
      // It hangs: it neither answers nor counts.
      if (head.startsWith('POST /hang')) continue;
      if (head.startsWith('POST /refuse') || (head.startsWith('POST /fail') && ++failing % 20 === 0)) {
        socket.write(answerOf(500));
        continue;
      }
      lastAtMs = performance.timeOrigin + performance.now();
      if (at > 0) waysMs.push(lastAtMs - at);
      all++;
      const id = /\r\nwebhook-id: *(\S+)/i.exec(head)?.[1];
      if (id !== undefined) ids.add(id);
      reply(socket, head);
    }
  });
}

function reply(socket: Socket, head: string): void {
  const slow = /^POST \/slow\/(\d+)(?:\/(\d+))?/.exec(head);
  if (!slow) return void socket.write(answer);
  const delayMs = Number(all % 10 === 0 ? (slow[2] ?? slow[1]) : slow[1]);
  setTimeout(() => socket.write(answer), delayMs);
}
