/**
 * Which IP addresses Everhook may contact.
 * IPv4 is a deny-list, IPv6 an allow-list, and whatever is not plainly an address is denied.
 */
import ipaddr from 'ipaddr.js';
import { isIn, parseAddress, parseRange, type Range } from '../address-ranges';

export interface AddressPolicy {
  /** True when `address` (canonical text, no brackets, no zone) may be contacted. Never throws. */
  allows(address: string): boolean;
  /** True when the operator opened the range `address` lies in. Never throws. */
  opens(address: string): boolean;
  /** True when the operator opened any range at all. */
  readonly opensAny: boolean;
}

/** @see IANA IPv4 special-purpose registry, 2025-10-09, with multicast, class E and Azure's WireServer */
const deniedIpv4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // It looks public and is in no private list, yet answers on every Azure machine.
  '168.63.129.16/32',
].map(knownRange);

/** @see IANA IPv6 unicast address registry, 2025-10-10, rows of status ALLOCATED */
const allocatedIpv6 = [
  '2001:200::/23',
  '2001:400::/23',
  '2001:600::/23',
  '2001:800::/22',
  '2001:c00::/23',
  '2001:e00::/23',
  '2001:1200::/23',
  '2001:1400::/22',
  '2001:1800::/23',
  '2001:1a00::/23',
  '2001:1c00::/22',
  '2001:2000::/19',
  '2001:4000::/23',
  '2001:4200::/23',
  '2001:4400::/23',
  '2001:4600::/23',
  '2001:4800::/23',
  '2001:4a00::/23',
  '2001:4c00::/23',
  '2001:5000::/20',
  '2001:8000::/19',
  '2001:a000::/20',
  '2001:b000::/20',
  '2003::/18',
  '2400::/12',
  '2410::/12',
  '2600::/12',
  '2610::/23',
  '2620::/23',
  '2630::/12',
  '2800::/12',
  '2a00::/12',
  '2a10::/12',
  '2c00::/12',
].map(knownRange);

/** Special-purpose blocks inside the allocated ones: documentation and AS112. */
const deniedIpv6 = ['2001:db8::/32', '2620:4f:8000::/48'].map(knownRange);

export interface AddressPolicyOptions {
  /** Ranges the operator opens, e.g. `127.0.0.0/8`; an IPv4 range also opens its mapped form. */
  allowCidrs: readonly string[];
  /** Ranges the operator closes, also within those that are open. */
  denyCidrs?: readonly string[];
}

/** @throws Error naming the setting and the entry that is no CIDR range */
export function createAddressPolicy({ allowCidrs, denyCidrs = [] }: AddressPolicyOptions): AddressPolicy {
  const opened = allowCidrs.map((cidr) => parseRange('EGRESS_ALLOW_CIDRS', cidr));
  const closed = denyCidrs.map((cidr) => parseRange('EGRESS_DENY_CIDRS', cidr));
  return {
    opensAny: opened.length > 0,
    opens(text) {
      const address = parseAddress(text);
      return address !== undefined && isIn(address, opened) && !isIn(address, closed);
    },
    allows(text) {
      const address = parseAddress(text);
      if (address === undefined || isIn(address, closed)) return false;
      if (isIn(address, opened)) return true;
      return address.kind() === 'ipv4'
        ? !isIn(address, deniedIpv4)
        : isIn(address, allocatedIpv6) && !isIn(address, deniedIpv6);
    },
  };
}

function knownRange(cidr: string): Range {
  return ipaddr.parseCIDR(cidr);
}
