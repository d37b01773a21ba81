/**
 * What an API key is made of: `ehk_`, 34 random characters and 6 of a checksum. A mistyped or made-up
 * key is told by its checksum, without asking the database; scanners find leaked ones by the same means.
 */
import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { hashSecret } from './secret-hash';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const mark = 'ehk_';

/** 202 bits, of which 166 stay unknown to those who see the prefix. */
const randomLength = 34;
const checksumLength = 6;
const shownLength = mark.length + 6;
const pattern = new RegExp(`^${mark}[0-9A-Za-z]{${randomLength + checksumLength}}$`);

export interface FreshApiKey {
  /** Shown once, kept nowhere. */
  readonly key: string;
  /** How the key begins; may be shown for ever. */
  readonly prefix: string;
  readonly keyHash: Buffer;
}

export function newApiKey(): FreshApiKey {
  const random = Array.from({ length: randomLength }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
  const key = `${mark}${random}${checksumOf(`${mark}${random}`)}`;
  return { key, prefix: key.slice(0, shownLength), keyHash: hashSecret(key) };
}

/** Whether it could be one of ours at all. */
export function isApiKey(text: string): boolean {
  return pattern.test(text) && checksumOf(text.slice(0, -checksumLength)) === text.slice(-checksumLength);
}

export function maskedKey(prefix: string): string {
  return `${prefix}...`;
}

/** CRC-32 in base 62, padded to its full length. */
function checksumOf(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let digit = 0; digit < checksumLength; digit++) {
    digits = alphabet.charAt(rest % alphabet.length) + digits;
    rest = Math.floor(rest / alphabet.length);
  }
  return digits;
}
