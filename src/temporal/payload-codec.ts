/**
 * Encrypts what Temporal stores of workflows, when PAYLOAD_CODEC_KEYS is set: AES-256-GCM, the id of the key bound to
 * each payload. What is not encrypted is refused, so that nobody who can write to Temporal can pass the codec by.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { ConfigError, type Config } from '../config';

const encoding = Buffer.from('binary/encrypted');
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** @returns undefined when payloads are to be in clear @throws ConfigError, which quotes no key */
export function payloadCodec(config: Config): PayloadCodec | undefined {
  if (config.PAYLOAD_CODEC_KEYS.length === 0) return undefined;
  const keys = new Map(config.PAYLOAD_CODEC_KEYS.map(parseKey));
  if (keys.size < config.PAYLOAD_CODEC_KEYS.length) throw new ConfigError('PAYLOAD_CODEC_KEYS names an id twice.');
  return createPayloadCodec(keys, { acceptClear: config.PAYLOAD_CODEC_ACCEPT_PLAINTEXT });
}

/** @param keys by id; the first one encrypts, each decrypts what it has encrypted */
export function createPayloadCodec(
  keys: ReadonlyMap<string, KeyObject>,
  { acceptClear = false }: { readonly acceptClear?: boolean } = {},
): PayloadCodec {
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(keys, payload)),
    decode: async (payloads) =>
      payloads.map((payload) => {
        if (isEncrypted(payload)) return decrypt(keys, payload);
        if (acceptClear) return payload;
        throw new TypeError('a payload in clear is refused: PAYLOAD_CODEC_KEYS is set');
      }),
  };
}

function isEncrypted({ metadata }: Payload): boolean {
  return encoding.equals(metadata?.['encoding'] ?? Buffer.alloc(0));
}

function encrypt(keys: ReadonlyMap<string, KeyObject>, payload: Payload): Payload {
  const [[id, key] = []] = keys;
  if (id === undefined || key === undefined) throw new TypeError('a payload codec needs a key');
  const keyId = Buffer.from(id, 'utf8');
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(keyId);
  const clear = temporal.api.common.v1.Payload.encode(payload).finish();
  const ct = Buffer.concat([cipher.update(clear), cipher.final()]);
  return {
    metadata: { encoding, 'encryption-key-id': keyId },
    data: Buffer.concat([iv, cipher.getAuthTag(), ct]),
  };
}

function decrypt(keys: ReadonlyMap<string, KeyObject>, { metadata, data }: Payload): Payload {
  const keyId = Buffer.from(metadata?.['encryption-key-id'] ?? []);
  const key = keys.get(keyId.toString('utf8'));
  if (!key) throw new TypeError('a payload is encrypted by a key that PAYLOAD_CODEC_KEYS does not name');
  const bytes = Buffer.from(data ?? []);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
    .setAAD(keyId)
    .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  const clear = Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
  return temporal.api.common.v1.Payload.decode(clear);
}

function parseKey(entry: string): [id: string, key: KeyObject] {
  const [, id, text = ''] = /^([A-Za-z0-9_.-]+):([A-Za-z0-9+/]+={0,2})$/.exec(entry) ?? [];
  const bytes = Buffer.from(text, 'base64');
  if (id === undefined || bytes.length !== keyBytes) {
    throw new ConfigError('PAYLOAD_CODEC_KEYS must list id:key, the key being 32 bytes in base64. See .env.example.');
  }
  return [id, createSecretKey(bytes)];
}
