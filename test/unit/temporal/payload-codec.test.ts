import { createSecretKey, randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { loadConfig } from '../../../src/config';
import { createPayloadCodec, payloadCodec } from '../../../src/temporal/payload-codec';

const canary = { canary: 'of the codec' };
const clear = defaultPayloadConverter.toPayload(canary);
const key = () => createSecretKey(randomBytes(32));

const first = ([payload]: Payload[]): Payload => payload ?? {};

describe('the payload codec', () => {
  const [oldKey, newKey] = [key(), key()];
  const before = createPayloadCodec(new Map([['old', oldKey]]));
  const during = createPayloadCodec(
    new Map([
      ['new', newKey],
      ['old', oldKey],
    ]),
  );

  it('gives back what it has encrypted, which shows nothing of it', async () => {
    const encrypted = await before.encode([clear, clear]);

    const decrypted = await before.decode(encrypted);

    expect(decrypted.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual([canary, canary]);
    expect(Buffer.from(first(encrypted).data ?? []).includes('canary')).toBe(false);
    expect(encrypted[0]).not.toEqual(encrypted[1]);
  });

  it('encrypts by the first of its keys, and reads what the others have encrypted', async () => {
    const decrypted = await during.decode(await before.encode([clear]));
    const encrypted = await during.encode([clear]);

    expect(defaultPayloadConverter.fromPayload(first(decrypted))).toEqual(canary);
    await expect(before.decode(encrypted)).rejects.toThrow('does not name');
  });

  it('refuses what is in clear, unless it is told to take it', async () => {
    const lenient = createPayloadCodec(new Map([['new', newKey]]), { acceptClear: true });

    await expect(before.decode([clear])).rejects.toThrow('in clear is refused');
    expect(await lenient.decode([clear])).toEqual([clear]);
  });

  it('refuses what was altered, and what is said to be of another key', async () => {
    const twice = createPayloadCodec(
      new Map([
        ['old', oldKey],
        ['alias', oldKey],
      ]),
    );
    const { metadata, data } = first(await before.encode([clear]));
    const altered = Buffer.from(data ?? []);
    altered.writeUInt8(altered.readUInt8(40) ^ 1, 40);

    await expect(before.decode([{ metadata, data: altered }])).rejects.toThrow('authenticate');
    const renamed = { ...metadata, 'encryption-key-id': Buffer.from('alias') };
    await expect(twice.decode([{ metadata: renamed, data }])).rejects.toThrow('authenticate');
    await expect(before.decode([{ metadata, data: altered.subarray(0, 5) }])).rejects.toThrow(/tag|IV|initialization/i);
  });
});

describe('PAYLOAD_CODEC_KEYS', () => {
  const load = (keys: string) =>
    payloadCodec(
      loadConfig({
        DATABASE_URL: 'unused',
        DATABASE_WORKER_URL: 'unused',
        KMS_KEY_ID: 'unused',
        JWT_SECRET: 'x'.repeat(32),
        PAYLOAD_CODEC_KEYS: keys,
      }),
    );
  const text = randomBytes(32).toString('base64');

  it('left out leaves payloads in clear', () => {
    expect(load('')).toBeUndefined();
    expect(load(`a:${text},b:${text}`)).toBeDefined();
  });

  it.each([
    ['a:hunter2', 'must list id:key'],
    [text, 'must list id:key'],
    [`a:${randomBytes(16).toString('base64')}`, 'must list id:key'],
    [`a:${text},a:${text}`, 'names an id twice'],
  ])('is refused when it is wrong, without being quoted', (keys, message) => {
    expect(() => load(keys)).toThrow(message);
    expect(() => load(keys)).not.toThrow(keys);
  });
});
