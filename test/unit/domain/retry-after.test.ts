import { parseRetryAfter } from '../../../src/domain/retry-after';

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const dayMs = 86_400_000;

describe('a Retry-After header', () => {
  it.each([
    ['1', 1000],
    ['120', 120_000],
    ['0007', 7000],
    ['86400', dayMs],
    ['86401', dayMs],
    ['9999999999', dayMs],
    ['Fri, 02 Jan 2026 03:04:06 GMT', 1000],
    ['Fri, 02 Jan 2026 04:04:05 GMT', 3_600_000],
    ['Fri, 01 Jan 2027 00:00:00 GMT', dayMs],
  ])('%j asks for %d ms', (value, waitMs) => {
    expect(parseRetryAfter(value, nowMs)).toBe(waitMs);
  });

  it.each([
    undefined,
    '',
    ' ',
    '0',
    '-5',
    '+5',
    '120.5',
    '1e3',
    '0x10',
    '12345678901',
    ' 120',
    '120 ',
    '120, 130',
    'Infinity',
    'Invalid Date',
    'soon',
    // In the past, or now.
    'Fri, 02 Jan 2026 03:04:05 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT',
    // Dates in any other form.
    '2026-01-03T00:00:00Z',
    'Sunday, 03-Jan-27 08:49:37 GMT',
    'Sun Jan  3 08:49:37 2027',
    'Sat, 3 Jan 2026 00:00:00 GMT',
    'Mon, 03 Jan 2026 00:00:00 GMT',
    'Sat, 03 Jan 2026 00:00:00 UTC',
    'Sat, 03 Jan 2026 00:00:00 +0000',
    'sat, 03 jan 2026 00:00:00 gmt',
    'Sat, 31 Feb 2026 00:00:00 GMT',
    'Sat, 03 Jan 2026 25:00:00 GMT',
  ])('%j asks for no wait', (value) => {
    expect(parseRetryAfter(value, nowMs)).toBeUndefined();
  });
});
