/**
 * Which headers a tenant may add to its deliveries.
 * They are refused when the webhook is saved: an unsendable header must never reach the HTTP client.
 */

const reservedNames = new Set([
  // Framing and connection handling: a wrong one desynchronises the connection for the next delivery on it.
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // It would change which certificate the TLS layer accepts.
  'host',
  // They describe a body and a sender that are ours.
  'accept-encoding',
  'content-encoding',
  'content-type',
  'user-agent',
  'x-delivery-id',
  // A delivery holds no session.
  'cookie',
]);

const reservedPrefixes = ['webhook-', 'x-webhook-', 'proxy-'];

const maxNameLength = 128;
const maxValueLength = 4096;

const refusalMessages = {
  name: 'is not a valid header name',
  reserved: 'is set by Everhook or the HTTP client and cannot be configured',
  value: 'has a value with characters a header cannot carry, or spaces at its ends',
  too_long: `is too long (name ${maxNameLength}, value ${maxValueLength} characters)`,
} as const;

/** The message names the header, never its value: values are credentials as a rule. */
export class HeaderNotAllowed extends Error {
  override readonly name = 'HeaderNotAllowed';

  constructor(
    readonly headerName: string,
    readonly reason: keyof typeof refusalMessages,
  ) {
    super(`Header ${JSON.stringify(headerName.slice(0, maxNameLength))} ${refusalMessages[reason]}.`);
  }
}

/** @throws HeaderNotAllowed when a tenant may not configure this header */
export function assertSafeHeader(name: string, value: string): void {
  if (!isHeaderName(name)) throw new HeaderNotAllowed(name, 'name');
  if (name.length > maxNameLength || value.length > maxValueLength) throw new HeaderNotAllowed(name, 'too_long');
  const lowerName = name.toLowerCase();
  if (reservedNames.has(lowerName) || reservedPrefixes.some((prefix) => lowerName.startsWith(prefix))) {
    throw new HeaderNotAllowed(name, 'reserved');
  }
  if (!isHeaderValue(value) || value !== value.trim()) throw new HeaderNotAllowed(name, 'value');
}

const clientOwnedNames = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

/** True when the HTTP client can carry the header as it is; Everhook's own headers pass. */
export function isSendableHeader(name: string, value: string): boolean {
  return isHeaderName(name) && isHeaderValue(value) && !clientOwnedNames.has(name.toLowerCase());
}

function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

function isHeaderValue(value: string): boolean {
  return typeof value === 'string' && /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value);
}
