/**
 * The sealed form of one secret: AES-256-GCM under a data key, stored as bytea.
 * The bytes are UTF-8 JSON `{v, data_key_id, iv, tag, ct}` (base64 fields), so that the key in use can be read in SQL.
 * The additional data names the place of the value, which makes a ciphertext useless in any other row or column.
 */
import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';

const version = 1;
// 96 random bits is what NIST SP 800-38D asks for; it is safe for 2^32 values per data key.
const ivBytes = 12;
const tagBytes = 16;

/** What was stored cannot be opened, and trying again will not help. The message holds ids only. */
export class DecryptionFailed extends Error {
  override readonly name = 'DecryptionFailed';
}

/**
 * @param key the 32-byte data key whose id is `dataKeyId`
 * @param aad `tenant|table|row|column` of the place where the result will be stored
 */
export function seal(key: KeyObject, dataKeyId: string, aad: string, plaintext: string): Buffer {
  const iv = randomBytes(ivBytes);
  const clear = Buffer.from(plaintext, 'utf8');
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(aad, 'utf8'));
  const ct = Buffer.concat([cipher.update(clear), cipher.final()]);
  clear.fill(0);

  const base64 = (bytes: Buffer) => bytes.toString('base64');
  return Buffer.from(
    JSON.stringify({
      v: version,
      data_key_id: dataKeyId,
      iv: base64(iv),
      tag: base64(cipher.getAuthTag()),
      ct: base64(ct),
    }),
    'utf8',
  );
}

/**
 * @param aad the place the value was read from; must equal the one it was sealed for
 * @throws DecryptionFailed when the value was altered, cut short, moved, or sealed under another key
 */
export function open(key: KeyObject, aad: string, sealed: Buffer): string {
  const { iv, tag, ct } = parse(sealed);
  let clear: Buffer | undefined;
  try {
    // A fixed tag length matters: Node would otherwise accept a tag cut down to four bytes.
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
      .setAAD(Buffer.from(aad, 'utf8'))
      .setAuthTag(tag);
    clear = decipher.update(ct);
    // In GCM this adds no bytes: it is the check that makes `clear` trustworthy.
    decipher.final();
    return clear.toString('utf8');
  } catch {
    throw new DecryptionFailed(`the sealed value at ${aad} is not authentic: altered, moved or under another key`);
  } finally {
    clear?.fill(0);
  }
}

/**
 * Which data key opens this value. Not authenticated: `open` under that key is the proof.
 *
 * @throws DecryptionFailed when the bytes are not a sealed value
 */
export function readHeader(sealed: Buffer): { dataKeyId: string } {
  return { dataKeyId: parse(sealed).dataKeyId };
}

function parse(sealed: Buffer): { dataKeyId: string; iv: Buffer; tag: Buffer; ct: Buffer } {
  let fields: Record<string, unknown> | null;
  try {
    fields = JSON.parse(sealed.toString('utf8')) as Record<string, unknown> | null;
  } catch {
    // The parser's own message quotes its input, which may be a secret somebody stored in clear.
    throw new DecryptionFailed('the sealed value is cut short or was never sealed');
  }
  if (fields?.v !== version) throw new DecryptionFailed('the sealed value has an unknown version');

  const { data_key_id: dataKeyId, iv, tag, ct } = fields;
  if (typeof dataKeyId !== 'string' || typeof iv !== 'string' || typeof tag !== 'string' || typeof ct !== 'string') {
    throw new DecryptionFailed('the sealed value lacks a field');
  }
  const parsed = {
    dataKeyId,
    iv: Buffer.from(iv, 'base64'),
    tag: Buffer.from(tag, 'base64'),
    ct: Buffer.from(ct, 'base64'),
  };
  if (parsed.iv.length !== ivBytes || parsed.tag.length !== tagBytes) {
    throw new DecryptionFailed('the sealed value has an IV or a tag of the wrong length');
  }
  return parsed;
}
