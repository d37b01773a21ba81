/**
 * What the KMS emulator does: the operations of AWS KMS that Everhook and its tests use, on keys in memory.
 * The first key is as lasting as its master key; those made by CreateKey are gone when the emulator ends.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  randomUUID,
  type KeyObject,
} from 'node:crypto';

const maxPlaintextBytes = 4096;
const maxBlobBytes = 6144;
const ivBytes = 12;
const tagBytes = 16;
const blobVersion = 1;
const algorithm = 'SYMMETRIC_DEFAULT';
const arnPrefix = 'arn:aws:kms:us-east-1:000000000000:key/';

export type Json = Record<string, unknown>;
export type KmsOperations = ReadonlyMap<string, (input: Json) => Json>;

interface EmulatedKey {
  readonly id: string;
  readonly arn: string;
  readonly secret: KeyObject;
  enabled: boolean;
}

/** An error in KMS's own shape; the SDK turns `code` into the exception class of that name. */
export class KmsFault extends Error {
  override readonly name = 'KmsFault';

  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** @param masterKey 32 bytes, the secret of the first key */
export function createKmsOperations({ keyId, masterKey }: { keyId: string; masterKey: Buffer }): {
  /** Of the first key. */
  keyArn: string;
  operations: KmsOperations;
} {
  const keys = new Map<string, EmulatedKey>();
  const first = addKey(keyId, masterKey);

  function addKey(id: string, secret: Buffer): EmulatedKey {
    const key = { id, arn: `${arnPrefix}${id}`, secret: createSecretKey(secret), enabled: true };
    keys.set(id, key);
    return key;
  }

  function findKey(keyId: unknown): EmulatedKey {
    if (typeof keyId !== 'string' || keyId === '') throw new KmsFault('ValidationException', 'KeyId is required');
    const key = keys.get(keyId.startsWith(arnPrefix) ? keyId.slice(arnPrefix.length) : keyId);
    if (!key) throw new KmsFault('NotFoundException', `Key '${keyId}' does not exist`);
    return key;
  }

  function usable(keyId: unknown): EmulatedKey {
    const key = findKey(keyId);
    if (!key.enabled) throw new KmsFault('DisabledException', `${key.arn} is disabled.`);
    return key;
  }

  /** Without a key id, the blob tells which key wrapped it, as with a symmetric key of AWS. */
  function unwrap(blob: Buffer, context: unknown, keyId: unknown): { plaintext: Buffer; key: EmulatedKey } {
    const asked = keyId === undefined ? undefined : usable(keyId);
    const { wrappedBy, iv, tag, ct } = splitBlob(blob);
    if (asked && wrappedBy !== asked.id) {
      throw new KmsFault('IncorrectKeyException', 'The key ID in the request does not identify the CMK that was used');
    }
    if (!keys.has(wrappedBy)) throw invalidCiphertext();
    const key = usable(wrappedBy);
    const aad = aadOf(key.id, context);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.secret, iv, { authTagLength: tagBytes })
        .setAAD(aad)
        .setAuthTag(tag);
      return { plaintext: Buffer.concat([decipher.update(ct), decipher.final()]), key };
    } catch {
      throw invalidCiphertext();
    }
  }

  return {
    keyArn: first.arn,
    operations: new Map<string, (input: Json) => Json>([
      ['CreateKey', () => ({ KeyMetadata: describe(addKey(randomUUID(), randomBytes(32))) })],
      [
        'GenerateDataKey',
        (input) => {
          const key = usable(input.KeyId);
          const plaintext = randomBytes(dataKeyBytesOf(input));
          const blob = wrap(key, plaintext, input.EncryptionContext);
          return { KeyId: key.arn, CiphertextBlob: blob, Plaintext: plaintext.toString('base64') };
        },
      ],
      [
        'Decrypt',
        (input) => {
          const blob = bytesOf(input, 'CiphertextBlob', maxBlobBytes);
          const { plaintext, key } = unwrap(blob, input.EncryptionContext, input.KeyId);
          return { KeyId: key.arn, Plaintext: plaintext.toString('base64'), EncryptionAlgorithm: algorithm };
        },
      ],
      [
        'Encrypt',
        (input) => {
          const key = usable(input.KeyId);
          const blob = wrap(key, bytesOf(input, 'Plaintext', maxPlaintextBytes), input.EncryptionContext);
          return { KeyId: key.arn, CiphertextBlob: blob, EncryptionAlgorithm: algorithm };
        },
      ],
      [
        'ReEncrypt',
        (input) => {
          const destination = usable(input.DestinationKeyId);
          const blob = bytesOf(input, 'CiphertextBlob', maxBlobBytes);
          const { plaintext, key: source } = unwrap(blob, input.SourceEncryptionContext, input.SourceKeyId);
          return {
            KeyId: destination.arn,
            SourceKeyId: source.arn,
            CiphertextBlob: wrap(destination, plaintext, input.DestinationEncryptionContext),
            SourceEncryptionAlgorithm: algorithm,
            DestinationEncryptionAlgorithm: algorithm,
          };
        },
      ],
      ['DescribeKey', (input) => ({ KeyMetadata: describe(findKey(input.KeyId)) })],
      ['DisableKey', (input) => setEnabled(findKey(input.KeyId), false)],
      ['EnableKey', (input) => setEnabled(findKey(input.KeyId), true)],
    ]),
  };
}

function setEnabled(key: EmulatedKey, enabled: boolean): Json {
  key.enabled = enabled;
  return {};
}

function wrap(key: EmulatedKey, plaintext: Buffer, context: unknown): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key.secret, iv, { authTagLength: tagBytes }).setAAD(
    aadOf(key.id, context),
  );
  const ct = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const id = Buffer.from(key.id, 'utf8');
  return Buffer.concat([Buffer.from([blobVersion, id.length]), id, iv, cipher.getAuthTag(), ct]).toString('base64');
}

function describe(key: EmulatedKey): Json {
  return {
    AWSAccountId: '000000000000',
    KeyId: key.id,
    Arn: key.arn,
    Enabled: key.enabled,
    KeyState: key.enabled ? 'Enabled' : 'Disabled',
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeySpec: algorithm,
    EncryptionAlgorithms: [algorithm],
    KeyManager: 'CUSTOMER',
    Origin: 'AWS_KMS',
    MultiRegion: false,
    Description: 'Everhook KMS emulator, for development and tests only',
  };
}

/** KMS takes either a key spec or a number of bytes, never both. */
function dataKeyBytesOf({ KeySpec, NumberOfBytes }: Json): number {
  if (NumberOfBytes === undefined) {
    if (KeySpec === 'AES_256') return 32;
    if (KeySpec === 'AES_128') return 16;
  } else if (KeySpec === undefined && Number.isInteger(NumberOfBytes)) {
    const bytes = Number(NumberOfBytes);
    if (bytes >= 1 && bytes <= 1024) return bytes;
  }
  throw new KmsFault('ValidationException', 'Please specify either number of bytes or key spec.');
}

function bytesOf(input: Json, field: string, maxBytes: number): Buffer {
  const value = input[field];
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.length < 1 || bytes.length > maxBytes) {
    throw new KmsFault('ValidationException', `${field} must have between 1 and ${maxBytes} bytes`);
  }
  return bytes;
}

/** The context is a map, so its order must not matter: it is authenticated as JSON with sorted names. */
function aadOf(keyId: string, context: unknown): Buffer {
  const entries = Object.entries(context ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (typeof (context ?? {}) !== 'object' || entries.some(([, value]) => typeof value !== 'string')) {
    throw new KmsFault('ValidationException', 'EncryptionContext must be a map of strings');
  }
  return Buffer.from(JSON.stringify([keyId, entries]), 'utf8');
}

/** Layout: version, length of the key id, key id, IV, tag, ciphertext. */
function splitBlob(blob: Buffer): { wrappedBy: string; iv: Buffer; tag: Buffer; ct: Buffer } {
  const ivAt = 2 + (blob[1] ?? 0);
  const tagAt = ivAt + ivBytes;
  const ctAt = tagAt + tagBytes;
  if (blob[0] !== blobVersion || blob.length < ctAt) throw invalidCiphertext();
  return {
    wrappedBy: blob.toString('utf8', 2, ivAt),
    iv: blob.subarray(ivAt, tagAt),
    tag: blob.subarray(tagAt, ctAt),
    ct: blob.subarray(ctAt),
  };
}

function invalidCiphertext(): KmsFault {
  return new KmsFault('InvalidCiphertextException', 'The ciphertext or its encryption context is not valid');
}
