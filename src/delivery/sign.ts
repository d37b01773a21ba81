/**
 * Signatures a receiver can check, in two forms over the same secrets, newest secret first.
 * Pure: the body signed here must be the very text that is sent.
 */
import { createHmac, randomBytes } from 'node:crypto';

export interface SignatureInput {
  /** Becomes `webhook-id`; holds no dot, because a dot separates the signed parts. */
  deliveryId: string;
  /** Unix seconds of this attempt. */
  timestampSeconds: number;
  body: string | Buffer;
  /** One, or two while a rotation overlaps. */
  secrets: readonly string[];
}

const standardPrefix = 'whsec_';

/**
 * The five signature headers of one attempt.
 *
 * @throws Error when there is no secret: an unsigned delivery must not exist
 * @see Standard Webhooks 1.0.0, "Signature scheme"
 */
export function signatureHeaders({ deliveryId, timestampSeconds, body, secrets }: SignatureInput) {
  if (secrets.length === 0) throw new Error('A delivery cannot be signed without a secret');
  const timestamp = String(timestampSeconds);
  const standard = secrets.map((secret) =>
    createHmac('sha256', standardKey(secret)).update(`${deliveryId}.${timestamp}.`).update(body).digest('base64'),
  );
  const plain = secrets.map((secret) =>
    createHmac('sha256', Buffer.from(secret)).update(`${timestamp}.`).update(body).digest('hex'),
  );
  return {
    'webhook-id': deliveryId,
    'webhook-timestamp': timestamp,
    'webhook-signature': standard.map((signature) => `v1,${signature}`).join(' '),
    'X-Webhook-Signature': plain.map((signature) => `sha256=${signature}`).join(','),
    'X-Webhook-Timestamp': timestamp,
  };
}

/** The Standard Webhooks key; the plain signature uses the whole secret string instead, prefix included. */
function standardKey(secret: string): Buffer {
  return secret.startsWith(standardPrefix)
    ? Buffer.from(secret.slice(standardPrefix.length), 'base64')
    : Buffer.from(secret);
}

/** A new secret: `whsec_` and the base64 of 32 random bytes. */
export function generateSecret(): string {
  return standardPrefix + randomBytes(32).toString('base64');
}

/**
 * Judges a secret the tenant brings along.
 *
 * @returns why it is refused, or undefined when it is fine
 */
export function checkSecret(secret: string): string | undefined {
  if (secret.length < 16 || secret.length > 128) return 'A secret has 16 to 128 characters.';
  if (!secret.startsWith(standardPrefix)) return undefined;
  const encoded = secret.slice(standardPrefix.length);
  const key = Buffer.from(encoded, 'base64');
  // Node skips what is not base64; only text that comes back unchanged means the same key to every library.
  if (key.toString('base64') !== encoded || key.length < 16 || key.length > 75) {
    return 'A secret that begins with whsec_ goes on with the base64 of 16 to 75 bytes.';
  }
  return undefined;
}
