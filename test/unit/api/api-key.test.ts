import { isApiKey, maskedKey, newApiKey } from '../../../src/api/api-key';
import { hashSecret } from '../../../src/api/secret-hash';

describe('a new API key', () => {
  it('has its mark, at least 160 random bits that no prefix shows, and a checksum', () => {
    const { key, prefix, keyHash } = newApiKey();

    expect(key).toMatch(/^ehk_[0-9A-Za-z]{34}[0-9A-Za-z]{6}$/);
    expect(prefix).toBe(key.slice(0, 10));
    expect(keyHash).toEqual(hashSecret(key));
    expect((34 - 6) * Math.log2(62)).toBeGreaterThan(160);
  });

  it('is another one each time, and one of ours every time', () => {
    const keys = Array.from({ length: 1000 }, () => newApiKey().key);

    expect(new Set(keys).size).toBe(1000);
    expect(keys.filter((key) => !isApiKey(key))).toEqual([]);
  });

  it('uses every character in every place', () => {
    const keys = Array.from({ length: 2000 }, () => newApiKey().key);

    for (let place = 4; place < 38; place++) expect(new Set(keys.map((key) => key[place])).size).toBe(62);
  });
});

describe('the checksum', () => {
  it('tells every single changed character', () => {
    const { key } = newApiKey();

    const changed = Array.from(
      key,
      (char, place) => `${key.slice(0, place)}${char === 'a' ? 'b' : 'a'}${key.slice(place + 1)}`,
    );

    expect(changed.filter(isApiKey)).toEqual([]);
  });

  it('is the same for ever', () => {
    expect(isApiKey(`ehk_${'0'.repeat(34)}0y47YJ`)).toBe(true);
  });

  it.each(['', 'ehk_', 'x', `ehk_${'0'.repeat(40)}`, `EHK_${'0'.repeat(34)}0y47YJ`, `ehk_${'0'.repeat(34)}0y47YJ\n`])(
    'does not take %j for a key',
    (text) => {
      expect(isApiKey(text)).toBe(false);
    },
  );
});

it('a masked key is how it begins', () => {
  const { key, prefix } = newApiKey();

  expect(maskedKey(prefix)).toBe(`${key.slice(0, 10)}...`);
});
