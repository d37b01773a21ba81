/**
 * Places that no webhook may point to although their addresses are open: where Everhook itself listens, and the
 * servers it works with. Names are resolved anew once a minute, so that a failover is noticed.
 */
import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createAddressRanges, parseAddress } from '../address-ranges';

export interface Endpoint {
  /** A name or an address; `0.0.0.0` and `::` stand for all of this machine. */
  readonly host: string;
  readonly port: number;
}

export interface DeniedEndpoints {
  readonly ports: ReadonlySet<number>;
  /** Judged by the text of a URL alone. */
  names(hostname: string, port: number): boolean;
  /** Judged by where a socket would lead, as far as `refresh` has found out. */
  holds(address: string, port: number): boolean;
  /** Never rejects: a name that cannot be resolved keeps the addresses it had. */
  refresh(): Promise<void>;
}

const keptMs = 60_000;

const loopback = createAddressRanges('loopback', ['127.0.0.0/8', '::1/128']);

export function createDeniedEndpoints(endpoints: readonly Endpoint[]): DeniedEndpoints {
  const found = new Map<string, readonly string[]>();
  let refreshing: Promise<void> | undefined;
  let refreshedAt = -Infinity;

  const resolveAll = async (): Promise<void> => {
    const names = new Set(endpoints.map(({ host }) => host).filter((host) => isIP(host) === 0));
    await Promise.all(
      Array.from(names, async (name) => {
        const answers = await dns.lookup(name, { all: true }).catch(() => undefined);
        if (answers)
          found.set(
            name,
            answers.map(({ address }) => address),
          );
      }),
    );
    refreshedAt = performance.now();
  };

  return {
    ports: new Set(endpoints.map(({ port }) => port)),
    names: (hostname, port) =>
      endpoints.some(
        (endpoint) => endpoint.port === port && (endpoint.host === hostname || leadsTo(endpoint.host, hostname)),
      ),
    holds: (address, port) =>
      endpoints.some(
        (endpoint) =>
          endpoint.port === port &&
          [endpoint.host, ...(found.get(endpoint.host) ?? [])].some((host) => leadsTo(host, address)),
      ),
    async refresh() {
      if (performance.now() - refreshedAt < keptMs) return;
      refreshing ??= resolveAll().finally(() => (refreshing = undefined));
      await refreshing;
    },
  };
}

/** Whether a server that listens on, or is reached by, `host` is what answers at `address`. */
function leadsTo(host: string, address: string): boolean {
  const [own, target] = [parseAddress(host)?.toString(), parseAddress(address)?.toString()];
  if (own === undefined || target === undefined) return false;
  if (own === target) return true;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  if (loopback.includes(address)) return isEverywhere || loopback.includes(host);
  return (
    isEverywhere && Object.values(networkInterfaces()).some((cards) => cards?.some((card) => card.address === address))
  );
}
