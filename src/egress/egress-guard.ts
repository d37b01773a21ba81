/**
 * The gate every outgoing delivery passes: URL rules when a webhook is saved, address checks when a socket opens.
 * A name is resolved here and only here, and the socket goes to an address that was checked: nothing resolves twice.
 */
import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import { createAddressPolicy, type AddressPolicy } from './address-policy';
import { createDeniedEndpoints, type DeniedEndpoints, type Endpoint } from './denied-endpoints';
import { createHostResolver, isNameMissing, type ResolveHost } from './host-resolver';
import { createUrlRules, isLoopbackName, portOf, targetBlockedMessage, type CheckedUrl } from './url-rules';

export { UrlNotAllowed, type CheckedUrl, type UrlRefusal } from './url-rules';

const egressMessages = {
  address_blocked: targetBlockedMessage,
  dns_not_found: 'The host name does not exist.',
  dns_failed: 'The host name could not be resolved.',
} as const;

/** Why no socket was opened. The message names no address: it is shown to tenants. */
export class EgressError extends Error {
  override readonly name = 'EgressError';

  constructor(
    readonly code: keyof typeof egressMessages,
    options?: ErrorOptions,
  ) {
    super(egressMessages[code], options);
  }
}

type AllowsAddress = (address: string) => boolean;

type ResolveChecked = (hostname: string, allows: AllowsAddress) => Promise<LookupAddress[]>;

export interface EgressGuardOptions {
  /** Accept `http:` URLs (EGRESS_ALLOW_HTTP). */
  allowHttp: boolean;
  /** Ranges the operator opens (EGRESS_ALLOW_CIDRS). */
  allowCidrs: readonly string[];
  /** Ranges the operator closes (EGRESS_DENY_CIDRS). */
  denyCidrs?: readonly string[];
  /** Names the operator closes (EGRESS_DENY_HOSTS). */
  denyHosts?: readonly string[];
  /** Where Everhook listens and what it works with. */
  ownEndpoints?: readonly Endpoint[];
  /** Replaces DNS; what it answers is checked all the same. */
  resolve?: ResolveHost;
  /** Bounds one look-up, in milliseconds; 3000 unless told. */
  dnsTimeoutMs?: number;
}

export interface EgressGuard {
  /** @throws UrlNotAllowed */
  checkUrl(url: string): CheckedUrl;
  /**
   * What an undici Agent takes as `connect`. Its sockets lead only to allowed addresses; otherwise it fails with an
   * EgressError.
   *
   * @param options.connectTimeoutMs bounds DNS, TCP and TLS together; undici's timer may fire 500 ms late
   */
  createConnector(options: { connectTimeoutMs: number }): buildConnector.connector;
}

/** @throws Error naming the setting when an entry is no CIDR range */
export function createEgressGuard(options: EgressGuardOptions): EgressGuard {
  const { allowHttp, allowCidrs, denyCidrs, denyHosts = [], ownEndpoints = [], dnsTimeoutMs = 3000 } = options;
  const policy = createAddressPolicy({ allowCidrs, ...(denyCidrs && { denyCidrs }) });
  const denied = createDeniedEndpoints(ownEndpoints);
  const resolve = options.resolve ?? createHostResolver({ dnsTimeoutMs, useSystemNames: policy.opensAny });

  return {
    checkUrl: createUrlRules({ allowHttp, policy, denyHosts, denied }),
    createConnector: ({ connectTimeoutMs }) => guardPorts(policy, denied, connectTimeoutMs, resolveChecked),
  };

  async function resolveChecked(hostname: string, allows: AllowsAddress): Promise<LookupAddress[]> {
    if (isLoopbackName(hostname)) return resolveLoopback(allows);
    const answers = await resolveInTime(resolve, hostname, dnsTimeoutMs);
    if (answers.length === 0) throw new EgressError('dns_not_found');
    // One blocked answer fails the whole name: a public name that also points inside is an attack or a mistake.
    if (!answers.every(({ address }) => allows(address))) throw new EgressError('address_blocked');
    return answers;
  }
}

/** RFC 6761: these names mean loopback whatever DNS or the hosts file says, so only the policy chooses. */
function resolveLoopback(allows: AllowsAddress): LookupAddress[] {
  const answers = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ].filter(({ address }) => allows(address));
  if (answers.length === 0) throw new EgressError('address_blocked');
  return answers;
}

async function resolveInTime(resolve: ResolveHost, hostname: string, timeoutMs: number): Promise<LookupAddress[]> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new EgressError('dns_failed')), timeoutMs);
  });
  try {
    return await Promise.race([resolve(hostname), expired]);
  } catch (cause) {
    if (cause instanceof EgressError) throw cause;
    throw new EgressError(isNameMissing(cause) ? 'dns_not_found' : 'dns_failed', { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** To the ports of our own endpoints leads a connector each, since what is looked up there is judged with the port. */
function guardPorts(
  policy: AddressPolicy,
  denied: DeniedEndpoints,
  timeoutMs: number,
  resolve: ResolveChecked,
): buildConnector.connector {
  const connect = guardConnector((address) => policy.allows(address), timeoutMs, resolve);
  const guarded = new Map(
    Array.from(denied.ports, (port) => {
      const allows: AllowsAddress = (address) => policy.allows(address) && !denied.holds(address, port);
      return [port, guardConnector(allows, timeoutMs, resolve)];
    }),
  );
  return (options, callback) => {
    const connectTo = guarded.get(portOf(options));
    if (connectTo) void denied.refresh().then(() => connectTo(options, callback));
    else connect(options, callback);
  };
}

function guardConnector(allows: AllowsAddress, timeoutMs: number, resolve: ResolveChecked): buildConnector.connector {
  const resolveThenCall = callbackify((hostname: string) => resolve(hostname, allows));
  const lookup: LookupFunction = (hostname, options, callback) => {
    resolveThenCall(hostname, (error, answers) => {
      const [first] = answers ?? [];
      if (error || first === undefined) callback(error, []);
      else if (options.all) callback(null, answers);
      else callback(null, first.address, first.family);
    });
  };
  // Certificates are checked whatever NODE_TLS_REJECT_UNAUTHORIZED says: it is set in haste for something else.
  const connect = buildConnector({ lookup, timeout: timeoutMs, allowH2: false, rejectUnauthorized: true });

  return (options, callback) => {
    // Node does not call `lookup` for a literal address, so it has to be stopped before the socket is made.
    if (isIP(options.hostname) !== 0 && !allows(options.hostname)) {
      process.nextTick(callback, new EgressError('address_blocked'), null);
      return;
    }
    connect(options, (error, socket) => {
      if (error !== null) return callback(error, null);
      // Belt and braces, before the first byte is written: this is the address that was really dialled.
      const { remoteAddress } = socket;
      if (remoteAddress !== undefined && allows(remoteAddress)) return callback(null, socket);
      socket.destroy();
      callback(remoteAddress === undefined ? closedAtOnce() : new EgressError('address_blocked'), null);
    });
  };
}

/** A socket that the other side has closed again has no remote address any more. */
function closedAtOnce(): Error {
  return Object.assign(new Error('The connection closed at once'), { code: 'ECONNRESET' });
}
