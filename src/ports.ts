/**
 * Chooses the ports of an embedded start. A port that was asked for is taken or refused, never swapped;
 * a default gives way to the next free one. What was given out stays reserved until it is released,
 * because its owner may bind it only seconds later.
 */
import { createServer } from 'node:net';

export interface PortWish {
  /** The environment variable that sets this port, named in errors and notes. */
  name: string;
  /** What the variable says; undefined when it is not set. 0 means any free port. */
  asked?: number | undefined;
  /** The default, used when nothing was asked for. 0 means any free port. */
  preferred: number;
  host: string;
  /** Told in one sentence when a default had to move. */
  log?: ((line: string) => void) | undefined;
}

export interface ChosenPort {
  port: number;
  /** True when the default was in use and another port was taken. */
  moved: boolean;
  /** Lets this process give the port out again; call it once its listener has stopped. */
  release: () => void;
}

const nextPortTries = 200;

const reserved = new Set<number>();

/** @throws Error of one sentence, naming the variable, when the port asked for cannot be had. */
export async function choosePort({ name, asked, preferred, host, log }: PortWish): Promise<ChosenPort> {
  const wanted = asked ?? preferred;
  if (wanted === 0) return chosen(await reserveAnyFree(host), false);

  const obstacle = await tryReserve(wanted, host);
  if (obstacle === undefined) return chosen(wanted, false);
  if (asked !== undefined) throw new Error(`${name} ${wanted} ${refusals[obstacle](name)}`);

  const port = await reserveNextFree(wanted, host);
  log?.(`Port ${wanted} is in use, so ${port} takes its place (${name} sets it).`);
  return chosen(port, true);
}

/** Whether nothing listens there right now, whoever has reserved it. */
export async function isPortFree(port: number, host: string): Promise<boolean> {
  try {
    await bindOnce(port, host);
    return true;
  } catch {
    return false;
  }
}

type Obstacle = keyof typeof refusals;

const refusals = {
  reserved: (name: string) => `is already given to another part of Everhook; set ${name} to another port`,
  inUse: (name: string) => `is in use; stop what listens there or set ${name} to another port`,
  privileged: (name: string) => `may not be opened by this user; set ${name} to a port above 1023`,
  noSuchAddress: () => 'cannot be opened because this machine does not have the address to listen on',
};

/** Reserves first and tests then, so that two choices under way at once cannot both get the port. */
async function tryReserve(port: number, host: string): Promise<Obstacle | undefined> {
  if (reserved.has(port)) return 'reserved';
  reserved.add(port);
  try {
    await bindOnce(port, host);
    return undefined;
  } catch (error) {
    reserved.delete(port);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return 'inUse';
    if (code === 'EACCES') return 'privileged';
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'noSuchAddress';
    throw error;
  }
}

async function reserveNextFree(taken: number, host: string): Promise<number> {
  const last = Math.min(taken + nextPortTries, 65_535);
  for (let port = taken + 1; port <= last; port++) {
    if ((await tryReserve(port, host)) === undefined) return port;
  }
  return reserveAnyFree(host);
}

async function reserveAnyFree(host: string): Promise<number> {
  for (;;) {
    const port = await bindOnce(0, host);
    if (reserved.has(port)) continue;
    reserved.add(port);
    return port;
  }
}

function chosen(port: number, moved: boolean): ChosenPort {
  return { port, moved, release: () => void reserved.delete(port) };
}

/** Binding is the only reliable test: a connection attempt misses a listener with a full backlog. */
function bindOnce(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
