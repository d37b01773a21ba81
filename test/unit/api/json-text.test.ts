import { depthOf, elementTexts, memberText } from '../../../src/api/json-text';

describe('the text of a member', () => {
  it.each([
    ['{"payload":1}', '1'],
    ['{"payload":1.0e+2}', '1.0e+2'],
    ['{"payload":12345678901234567890.10}', '12345678901234567890.10'],
    ['{"payload":-0}', '-0'],
    ['{"payload":null}', 'null'],
    ['{"payload":true,"a":1}', 'true'],
    ['{"payload":""}', '""'],
    ['{"payload":"a,}\\"]b"}', '"a,}\\"]b"'],
    ['{"payload":"\\\\"}', '"\\\\"'],
    ['{"payload":"\\\\","a":"}"}', '"\\\\"'],
    ['{"payload":"\\u0000"}', '"\\u0000"'],
    ['{"payload":"é€😀"}', '"é€😀"'],
    ['{"payload":[]}', '[]'],
    ['{"payload":{}}', '{}'],
    ['{"payload":{"b":1,"a":{"x":[1, 2 ]} }}', '{"b":1,"a":{"x":[1, 2 ]} }'],
    ['{"payload":{"a":1,"a":2}}', '{"a":1,"a":2}'],
    ['{"payload":{"}":"{"}}', '{"}":"{"}'],
    // White space around it is not part of it; inside it is.
    [' \t\r\n{ \n"payload" \r: \t[ 1 ] \n, "a" : 2 } \n', '[ 1 ]'],
    ['{"payload" : 1 }', '1'],
    // Other members before and after.
    ['{"a":{"payload":0},"b":["payload"],"c":"payload","payload":3,"d":[{}]}', '3'],
    ['{"":0,"payload":3}', '3'],
    // The last of that name, as JSON.parse takes it.
    ['{"payload":1,"payload":2}', '2'],
    // The name written in another way is the same name.
    ['{"pa\\u0079load":4}', '4'],
    ['{"payload":1,"\\u0070ayload":[5]}', '[5]'],
  ])('of %s is %s', (json, text) => {
    expect(memberText(json, 'payload')).toBe(text);
  });

  it.each(['{}', ' { } ', '{"a":1}', '{"a":{"payload":1}}', '{"a":"payload","b":["payload"]}', '{"Payload":1}'])(
    'is undefined in %s',
    (json) => {
      expect(memberText(json, 'payload')).toBeUndefined();
    },
  );

  it.each(['__proto__', 'constructor', 'toString', ''])('is found under the name %j like under any other', (name) => {
    expect(memberText(`{"a":1,${JSON.stringify(name)}:{"x":1}}`, name)).toBe('{"x":1}');
    expect(memberText('{"a":1}', name)).toBeUndefined();
  });

  it('is cut out of a large and deep text without recursion', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);

    expect(memberText(`{"a":${deep},"payload":${deep}}`, 'payload')).toBe(deep);
  });
});

describe('the texts of elements', () => {
  it.each<[string, string[]]>([
    ['[]', []],
    [' [ \n ] ', []],
    ['[1]', ['1']],
    [' [ 1 ,\t-0,1.0e+2\n] ', ['1', '-0', '1.0e+2']],
    ['["],[","\\"]","\\\\"]', ['"],["', '"\\"]"', '"\\\\"']],
    ['[{"a":[1, 2 ]} , [[],[ ]],null]', ['{"a":[1, 2 ]}', '[[],[ ]]', 'null']],
  ])('of %s are %j', (json, texts) => {
    expect(elementTexts(json)).toEqual(texts);
  });

  it('are cut out of a large and deep text without recursion', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);

    expect(elementTexts(`[${deep},${deep}]`)).toEqual([deep, deep]);
  });
});

describe('the depth of a text', () => {
  it.each([
    ['1', 0],
    ['"[{"', 0],
    ['"\\"[["', 0],
    ['"\\\\"', 0],
    ['[]', 1],
    ['{}', 1],
    ['[1,2,3]', 1],
    ['[[],[],[]]', 2],
    ['{"a":[{"b":"]]]"}],"c":[]}', 3],
    ['{"[[[":{}}', 2],
    ['["\\\\",[]]', 2],
    [`${'['.repeat(64)}${']'.repeat(64)}`, 64],
    [`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`, 65],
    // What JSON.parse will refuse next is measured too.
    ['', 0],
    [']]]', 0],
    ['[[[', 3],
    ['["[[', 1],
    ['["\\', 1],
    ['"', 0],
  ])('%j is %d', (json, depth) => {
    expect(depthOf(json)).toBe(depth);
  });

  it('is found without recursion', () => {
    expect(depthOf('['.repeat(1_000_000))).toBe(1_000_000);
  });
});

describe('random JSON', () => {
  const rounds = 500;

  it('has the members that JSON.parse finds', () => {
    const random = seeded(20_260_101);

    for (let round = 0; round < rounds; round++) {
      const { json, members } = randomObject(random);
      const parsed = JSON.parse(json) as Record<string, unknown>;

      for (const name of [...memberNames, 'absent']) {
        const text = memberText(json, name);

        expect(text).toBe(members.get(name));
        expect(text !== undefined).toBe(Object.hasOwn(parsed, name));
        if (text !== undefined) expect(JSON.parse(text)).toEqual(parsed[name]);
      }
    }
  });

  it('has the elements that JSON.parse finds', () => {
    const random = seeded(20_260_103);

    for (let round = 0; round < rounds; round++) {
      const values = Array.from({ length: Math.floor(random() * 5) }, () => randomValue(random, 4));
      const spaced = values.map((value) => `${space(random)}${value}${space(random)}`).join(',');

      expect(elementTexts(`${space(random)}[${spaced || space(random)}]${space(random)}`)).toEqual(values);
    }
  });

  it('is as deep as what JSON.parse makes of it', () => {
    const random = seeded(20_260_102);

    for (let round = 0; round < rounds; round++) {
      const json = randomValue(random, 6);

      expect(depthOf(json)).toBe(depthOfValue(JSON.parse(json)));
    }
  });
});

/** Names that need care: quotes, escapes, brackets, and one that objects inherit. */
const memberNames = ['payload', 'a', '', '__proto__', 'q"\\{', 'é😀', '}],:'];

/** Mulberry32: the same seed gives the same numbers from [0, 1). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}

/** The text of an object, and the exact text of the last member of each name. */
function randomObject(random: () => number): { json: string; members: Map<string, string> } {
  const members = new Map<string, string>();
  const parts: string[] = [];
  for (let count = Math.floor(random() * 6); count > 0; count--) {
    const name = pick(random, memberNames);
    const value = randomValue(random, 4);
    members.set(name, value);
    parts.push(
      `${space(random)}${randomString(random, name)}${space(random)}:${space(random)}${value}${space(random)}`,
    );
  }
  return { json: `${space(random)}{${parts.join(',') || space(random)}}${space(random)}`, members };
}

function randomValue(random: () => number, depth: number): string {
  const kind = depth === 0 ? random() * 0.5 : random();
  if (kind < 0.2) return pick(random, ['0', '-0', '12', '-1.5', '1e5', '2.50E-3', '12345678901234567890', '1e400']);
  if (kind < 0.3) return pick(random, ['true', 'false', 'null']);
  if (kind < 0.5)
    return randomString(random, pick(random, [...memberNames, 'a\n\tb', '\\', '"', '[[', '\u0000', '\u2028']));
  if (kind < 0.75) return randomObjectText(random, depth);
  const items = Array.from(
    { length: Math.floor(random() * 4) },
    () => `${space(random)}${randomValue(random, depth - 1)}`,
  );
  return `[${items.join(`${space(random)},`)}${space(random)}]`;
}

/** Its names differ: of a repeated one JSON.parse would keep the last value only. */
function randomObjectText(random: () => number, depth: number): string {
  const names = memberNames.filter(() => random() < 0.3);
  const members = names.map((name) => {
    const key = randomString(random, name);
    return `${space(random)}${key}${space(random)}:${space(random)}${randomValue(random, depth - 1)}`;
  });
  return `{${members.join(`${space(random)},`)}${space(random)}}`;
}

/** The same string as a person's or another language's serializer might write it. */
function randomString(random: () => number, value: string): string {
  const plain = JSON.stringify(value);
  if (random() < 0.7) return plain;
  const escaped = Array.from({ length: value.length }, (_, at) => {
    return `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped.join('')}"`;
}

function space(random: () => number): string {
  return random() < 0.6 ? '' : pick(random, [' ', '\n', '\t', '\r\n', '  ']);
}

function depthOfValue(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOfValue));
}
