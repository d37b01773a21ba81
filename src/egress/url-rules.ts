/**
 * Which URLs a webhook may have, judged from the text alone.
 * Names are judged again by address when a socket is opened; passing here is not permission to connect.
 */
import { isIP } from 'node:net';
import type { AddressPolicy } from './address-policy';
import type { DeniedEndpoints } from './denied-endpoints';

/** One text for every refused target, so that an answer never tells what our network holds. */
export const targetBlockedMessage = 'This target is not allowed.';

const reasonMessages = {
  too_long: 'The URL is longer than 2048 characters.',
  bad_character: 'The URL holds a space, a control character or a backslash.',
  malformed: 'This is not an absolute URL.',
  scheme: 'The scheme of the URL is not allowed.',
  userinfo: 'The URL must not hold a user name or password.',
  host_syntax: 'The host name of the URL is not valid.',
  host_name: targetBlockedMessage,
  port: targetBlockedMessage,
  address: targetBlockedMessage,
} as const;

/** Stable: shown by the API beside the message. */
export type UrlRefusal = keyof typeof reasonMessages;

export class UrlNotAllowed extends Error {
  override readonly name = 'UrlNotAllowed';
  readonly code = 'address_blocked';

  constructor(readonly reason: UrlRefusal) {
    super(reasonMessages[reason]);
  }
}

export interface CheckedUrl {
  /** Normalised: punycode host, no trailing dot, default port left out. This is the form to store and to send to. */
  href: string;
  /** Scheme, host and port. */
  origin: string;
  /** A name, or an address without brackets. */
  hostname: string;
  /** Path and query, without the fragment: what goes into the request line. */
  path: string;
}

/** @see WHATWG fetch, "bad port" */
const badPorts = new Set(
  (
    '0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 ' +
    '135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 ' +
    '995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080'
  ).split(' '),
);

/** Data stores and control planes speak no HTTP we want; some of them can be made to act by a POST. */
const dataStorePorts = new Set('2375 2379 3306 5432 6379 6443 7233 9042 9092 9200 10250 11211 27017'.split(' '));

const internalSuffixes = ['local', 'internal', 'home.arpa', 'localdomain'];

/** True for the names RFC 6761 gives to loopback. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

export interface UrlRulesOptions {
  /** Accept `http:` beside `https:`. */
  allowHttp: boolean;
  policy: AddressPolicy;
  /** Names the operator closes: `example.com` itself, `.example.com` all below it. */
  denyHosts: readonly string[];
  denied: DeniedEndpoints;
}

/**
 * @returns a function that answers the normalised URL
 * @throws UrlNotAllowed (from that function) with a stable `reason`
 */
export function createUrlRules({ allowHttp, policy, denyHosts, denied }: UrlRulesOptions): (url: string) => CheckedUrl {
  const loopbackOpened = policy.allows('127.0.0.1') || policy.allows('::1');

  return (raw) => {
    const url = parseStrictly(raw);
    if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) throw new UrlNotAllowed('scheme');

    // "name." would go out as server name "name." in TLS and match no certificate.
    if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
    const hostname = url.hostname.replace(/^\[|\]$/g, '');

    const isAddress = isIP(hostname) !== 0;
    if (isAddress) {
      if (!policy.allows(hostname)) throw new UrlNotAllowed('address');
    } else {
      checkName(hostname);
    }
    const opened = isAddress ? policy.opens(hostname) : isLoopbackName(hostname);
    // The same as for any address or name that is closed: where our own parts are is nobody's business.
    const target = isLoopbackName(hostname) ? '127.0.0.1' : hostname;
    if (denied.names(target, portOf(url))) throw new UrlNotAllowed(isAddress ? 'address' : 'host_name');
    if (dataStorePorts.has(url.port) || (badPorts.has(url.port) && !opened)) throw new UrlNotAllowed('port');

    return { href: url.href, origin: url.origin, hostname, path: url.pathname + url.search };
  };

  function checkName(hostname: string): void {
    const labels = hostname.split('.');
    if (hostname.length > 253 || !labels.every(isLabel)) throw new UrlNotAllowed('host_syntax');
    if (isLoopbackName(hostname) || hostname === 'localhost.localdomain') {
      if (!loopbackOpened) throw new UrlNotAllowed('host_name');
      return;
    }
    if (labels.at(-1) === 'onion' || denyHosts.some((denial) => isNamedBy(denial, hostname)))
      throw new UrlNotAllowed('host_name');
    // An operator who opens a range wants the names inside it; their addresses still have to lie in it.
    if (policy.opensAny) return;
    const internal = internalSuffixes.some((suffix) => hostname === suffix || hostname.endsWith(`.${suffix}`));
    if (internal || labels.length < 2) throw new UrlNotAllowed('host_name');
  }
}

/**
 * Refuses what the WHATWG parser would quietly repair: it drops tabs and line breaks, reads `\` as `/`,
 * supplies missing slashes, and maps look-alike characters, so a reader and the parser could see two hosts.
 */
function parseStrictly(raw: string): URL {
  if (raw.length > 2048) throw new UrlNotAllowed('too_long');
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u0020\u007f-\u00a0\\\s]/.test(raw)) throw new UrlNotAllowed('bad_character');
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i.exec(raw)?.[1];
  if (authority === undefined) throw new UrlNotAllowed('malformed');
  if (authority.includes('@')) throw new UrlNotAllowed('userinfo');
  if (authority.includes('%') || authority !== authority.normalize('NFKC')) throw new UrlNotAllowed('host_syntax');
  const url = parse(raw);
  if (url.username !== '' || url.password !== '') throw new UrlNotAllowed('userinfo');
  if (url.href.length > 2048) throw new UrlNotAllowed('too_long');
  return url;
}

function parse(raw: string): URL {
  try {
    return new URL(raw);
  } catch {
    throw new UrlNotAllowed('malformed');
  }
}

/** As a number, that of the scheme where the URL names none. */
export function portOf({ port, protocol }: Pick<URL, 'port' | 'protocol'>): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

function isNamedBy(denial: string, hostname: string): boolean {
  const name = denial.toLowerCase();
  return name.startsWith('.') ? hostname.endsWith(name) : hostname === name;
}

function isLabel(label: string): boolean {
  return /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label);
}
