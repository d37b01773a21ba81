/** A TCP connection of Everhook to one of its servers or to receivers, which can be slowed, silenced or cut. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface Link {
  readonly port: number;
  /** Each way and piece of data takes so much longer. */
  delay(ms: number): void;
  /** Nothing goes through any more, and nobody is told. */
  silence(): void;
  /** Connections end with a reset, and new ones too. */
  reset(): void;
  /** Whatever is sent is answered with this, and the connection ends; the server hears nothing of it. */
  answer(reply: string): void;
  /** As it was; connections that were silent meanwhile are reset, as a network does that has forgotten them. */
  heal(): void;
  stop(): Promise<void>;
}

type State = 'open' | 'silent' | 'reset';

export async function startLink(targetPort: number): Promise<Link> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: State = 'open';
  let delayMs = 0;
  let reply: string | undefined;

  const server = createServer((near) => {
    if (state === 'reset') return void near.resetAndDestroy();
    const far = connect({ port: targetPort, host: '127.0.0.1' });
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('close', end);
    }
    // A reset goes through as one.
    near.on('error', () => far.resetAndDestroy());
    far.on('error', () => near.resetAndDestroy());
    const isAnswered = (): boolean => {
      if (reply === undefined) return false;
      if (!near.writableEnded) near.end(reply);
      return true;
    };
    near.pipe(passing(isAnswered)).pipe(far);
    far.pipe(passing()).pipe(near);
  });

  /** Swallows what comes while the link is silent, and what has been answered already. */
  const passing = (isAnswered = (): boolean => false): Transform =>
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (state === 'silent' || isAnswered()) return done();
        if (delayMs === 0) return done(null, chunk);
        setTimeout(() => done(null, chunk), delayMs);
      },
    });

  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    pairs.clear();
  };

  await listen(server);
  return {
    port: (server.address() as AddressInfo).port,
    delay: (ms) => void (delayMs = ms),
    silence: () => void (state = 'silent'),
    reset() {
      state = 'reset';
      cut();
    },
    answer: (text) => void (reply = text),
    heal() {
      if (state === 'silent') cut();
      state = 'open';
      delayMs = 0;
      reply = undefined;
    },
    stop() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
}
