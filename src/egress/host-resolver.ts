/**
 * Host name to addresses. It decides nothing: the egress guard checks every address it answers.
 */
import { promises as dns, type LookupAddress } from 'node:dns';

/** Rejects with an error whose `code` is ENOTFOUND or ENODATA when the name does not exist. */
export type ResolveHost = (hostname: string) => Promise<LookupAddress[]>;

export interface HostResolverOptions {
  /** Bounds each DNS query, in milliseconds. */
  dnsTimeoutMs: number;
  /** Also use the machine's own names (hosts file, search domains), for operators who opened internal ranges. */
  useSystemNames: boolean;
}

/**
 * Names are asked of DNS by c-ares, not getaddrinfo: getaddrinfo blocks one of libuv's four threads, shared with
 * file access and crypto, so four webhooks with dead name servers would stall the process. c-ares knows neither the
 * hosts file nor search domains, hence the second look where an operator's own names may be meant.
 */
export function createHostResolver({ dnsTimeoutMs, useSystemNames }: HostResolverOptions): ResolveHost {
  return async (hostname) => {
    if (useSystemNames && !hostname.includes('.')) return dns.lookup(hostname, { all: true });
    try {
      return await queryDns(hostname, dnsTimeoutMs);
    } catch (error) {
      if (useSystemNames && !isTimeout(error)) return dns.lookup(hostname, { all: true });
      throw error;
    }
  };
}

async function queryDns(hostname: string, dnsTimeoutMs: number): Promise<LookupAddress[]> {
  // One per look-up, so that a changed resolv.conf is noticed and cancel() ends only this look-up.
  const resolver = new dns.Resolver({ timeout: Math.ceil(dnsTimeoutMs / 2), tries: 2 });
  const timer = setTimeout(() => resolver.cancel(), dnsTimeoutMs);
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    // IPv4 first: on a machine without IPv6 the other order costs a failed connection each time.
    const found = [
      ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
      ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : []),
    ];
    if (found.length > 0) return found;
    const failures = [v4, v6].flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as Error] : []));
    throw failures.find((failure) => !isNameMissing(failure)) ?? failures[0] ?? new Error('empty DNS answer');
  } finally {
    clearTimeout(timer);
  }
}

/** True when DNS answered that there is no such name, as opposed to not answering. */
export function isNameMissing(error: unknown): boolean {
  return ['ENOTFOUND', 'ENODATA', 'ENONAME'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function isTimeout(error: unknown): boolean {
  return ['ETIMEOUT', 'ECANCELLED'].includes((error as NodeJS.ErrnoException).code ?? '');
}
