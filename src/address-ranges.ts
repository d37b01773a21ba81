/** IP addresses and the ranges of them that an operator names. What is not plainly an address is in none. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Range = [address: Address, prefixLength: number];

export interface AddressRanges {
  /** An IPv4 address and its mapped form in IPv6 are the same. Never throws. */
  includes(address: string | undefined): boolean;
}

/** @throws Error naming the setting and the entry that is no CIDR range */
export function createAddressRanges(setting: string, cidrs: readonly string[]): AddressRanges {
  const ranges = cidrs.map((cidr) => parseRange(setting, cidr));
  return {
    includes(text) {
      const address = text === undefined ? undefined : parseAddress(text);
      return address !== undefined && isIn(address, ranges);
    },
  };
}

/** Node decides what an address is: ipaddr.js alone would also read `127.1` or `010.0.0.1`. */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  // ipaddr.js takes the compatible form ::8.8.8.8 for the mapped ::ffff:8.8.8.8; in hexadecimal they differ.
  return ipaddr.process(text.includes(':') && text.includes('.') ? inHexadecimal(text) : text);
}

/** @throws Error naming the setting and the entry when it is no CIDR range */
export function parseRange(setting: string, entry: string): Range {
  const [address = '', prefix = '', ...rest] = entry.trim().split('/');
  try {
    if (isIP(address) === 0 || address.includes('%') || !/^\d{1,3}$/.test(prefix) || rest.length > 0)
      throw new Error('not a CIDR range');
    const [base, length] = ipaddr.parseCIDR(`${address.includes(':') ? inHexadecimal(address) : address}/${prefix}`);
    // Addresses are unmapped before they are compared, so a mapped range has to be unmapped too.
    if (base instanceof ipaddr.IPv6 && base.isIPv4MappedAddress() && length >= 96) {
      return [base.toIPv4Address(), length - 96];
    }
    return [base, length];
  } catch (cause) {
    throw new Error(`${setting}: "${entry}" is not a CIDR range such as 10.0.0.0/8`, { cause });
  }
}

export function isIn(address: Address, ranges: readonly Range[]): boolean {
  return ranges.some(([base, length]) => base.kind() === address.kind() && address.match(base, length));
}

/** What one caller can be taken to hold: an IPv4 address, or the /64 an IPv6 address lies in. */
export function networkOf(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return text;
  if (address instanceof ipaddr.IPv4) return address.toString();
  return new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toString();
}

function inHexadecimal(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
