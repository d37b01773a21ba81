/**
 * Hashes of secrets that we made ourselves. They are random and long, so one round of SHA-256 is as
 * good as a slow hash and costs an API request nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Takes the same time wherever the two differ. */
export function isSecret(given: string, hash: Buffer): boolean {
  return isSameHash(hashSecret(given), hash);
}

/** For digests of the same kind. Takes the same time wherever the two differ. */
export function isSameHash(one: Buffer, other: Buffer): boolean {
  return timingSafeEqual(one, other);
}
