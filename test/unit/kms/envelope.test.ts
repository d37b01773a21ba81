/** The sealed form of a secret: what opens it, and that nothing else does. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { DecryptionFailed, open, readHeader, seal } from '../../../src/kms/envelope';

const key = createSecretKey(randomBytes(32));
const dataKeyId = '01JD0000000000000000000000';
const place = 'acme|webhook_configs|wh_1|secret_enc';
const secret = 'whsec_canary-of-the-envelope';

const errorOf = (run: () => unknown): Error => {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error');
};

const edit = (sealed: Buffer, change: (fields: Record<string, unknown>) => object): Buffer =>
  Buffer.from(JSON.stringify(change(JSON.parse(sealed.toString('utf8')) as Record<string, unknown>)));

describe('a sealed value', () => {
  it.each(['', secret, 'grüße ☃ 🎣', 'x'.repeat(100_000)])('opens to the text that was sealed', (text) => {
    const sealed = seal(key, dataKeyId, place, text);

    expect(open(key, place, sealed)).toBe(text);
  });

  it('names its data key in readable JSON and hides the text', () => {
    const sealed = seal(key, dataKeyId, place, secret);

    expect(readHeader(sealed)).toEqual({ dataKeyId });
    expect(Object.keys(JSON.parse(sealed.toString('utf8')) as object)).toEqual(['v', 'data_key_id', 'iv', 'tag', 'ct']);
    expect(sealed.includes(secret)).toBe(false);
    expect(sealed.includes(Buffer.from(secret).toString('base64'))).toBe(false);
  });

  it('has a new IV each time', () => {
    const first = seal(key, dataKeyId, place, secret);
    const second = seal(key, dataKeyId, place, secret);

    expect(first.equals(second)).toBe(false);
  });

  it('does not open at another place', () => {
    const sealed = seal(key, dataKeyId, place, secret);

    const error = errorOf(() => open(key, 'acme|webhook_configs|wh_2|secret_enc', sealed));

    expect(error).toBeInstanceOf(DecryptionFailed);
    expect(error.message).toContain('wh_2');
  });

  it('does not open under another key', () => {
    const sealed = seal(key, dataKeyId, place, secret);

    expect(() => open(createSecretKey(randomBytes(32)), place, sealed)).toThrow(DecryptionFailed);
  });

  it.each(['iv', 'tag', 'ct'])('does not open with one bit of its %s flipped', (field) => {
    const sealed = edit(seal(key, dataKeyId, place, secret), (fields) => {
      const bytes = Buffer.from(String(fields[field]), 'base64');
      bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
      return { ...fields, [field]: bytes.toString('base64') };
    });

    expect(() => open(key, place, sealed)).toThrow(DecryptionFailed);
  });

  it('does not open with a tag cut down to four bytes', () => {
    const sealed = edit(seal(key, dataKeyId, place, secret), (fields) => ({
      ...fields,
      tag: Buffer.from(String(fields.tag), 'base64').subarray(0, 4).toString('base64'),
    }));

    expect(() => open(key, place, sealed)).toThrow(DecryptionFailed);
  });

  it('does not open when cut short at any byte', () => {
    const sealed = seal(key, dataKeyId, place, secret);

    for (let length = 0; length < sealed.length; length++) {
      expect(() => open(key, place, sealed.subarray(0, length))).toThrow(DecryptionFailed);
    }
  });

  it.each([
    ['null', 'null'],
    ['a number', '1'],
    ['an unknown version', '{"v":2}'],
    ['missing fields', '{"v":1,"data_key_id":"x"}'],
    ['fields of another type', '{"v":1,"data_key_id":"x","iv":1,"tag":2,"ct":3}'],
  ])('is refused when it is %s', (_what, text) => {
    expect(() => readHeader(Buffer.from(text))).toThrow(DecryptionFailed);
  });
});

describe('a secret that was stored in clear by mistake', () => {
  it('is not quoted by the error', () => {
    const error = errorOf(() => open(key, place, Buffer.from(secret)));

    expect(error).toBeInstanceOf(DecryptionFailed);
    expect(error.stack).not.toContain('canary');
    expect(error.cause).toBeUndefined();
  });
});
