import { code, page, time } from '../../../workflows/markdown';

describe('text from outside', () => {
  it.each([
    ['maintenance', '`maintenance`'],
    ['[click](https://example.com)', '`[click](https://example.com)`'],
    ['a `b` c', "`a 'b' c`"],
    ['one\n\n# two', '`one # two`'],
  ])('%j can be nothing but text', (text, shown) => {
    expect(code(text)).toBe(shown);
  });
});

it('times are shown to the second', () => {
  expect(time('2026-01-02T03:04:05.678Z')).toBe('2026-01-02 03:04:05 UTC');
});

it('a page is its sections and a line that may be cut off', () => {
  expect(page(['one', undefined, 'two'])).toBe('one\n\ntwo\n\n---');
});
