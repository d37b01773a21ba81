import { ulid } from 'ulid';
import { deliveryWorkflowId, lowestIdAt, newId, tenantIdPattern, ulidPattern } from '../../../src/domain/ids';

afterEach(() => jest.useRealTimers());

describe('a new id', () => {
  it('is a ULID', () => {
    expect(newId()).toMatch(new RegExp(ulidPattern));
  });

  it('is greater than every one before it, also within one millisecond', () => {
    jest.useFakeTimers({ now: Date.now() + 1000 });

    const ids = Array.from({ length: 10_000 }, newId);

    expect(ids).toEqual([...new Set(ids)].sort());
  });

  it('is greater than the one before it although the clock was set back', () => {
    const nowMs = Date.now() + 10_000;
    jest.useFakeTimers({ now: nowMs });
    const before = newId();

    jest.setSystemTime(nowMs - 5000);

    expect(newId() > before).toBe(true);
  });

  it('begins with its time of creation', () => {
    jest.useFakeTimers({ now: Date.UTC(2100, 0, 1) });
    const earlier = newId();

    jest.setSystemTime(Date.UTC(2100, 0, 2));
    const later = newId();

    expect(earlier.slice(0, 10) < later.slice(0, 10)).toBe(true);
  });
});

describe('the pattern of ULIDs', () => {
  it.each(['00000000000000000000000000', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', '01ARZ3NDEKTSV4RRFFQ69G5FAV'])(
    'takes %s',
    (id) => {
      expect(id).toMatch(new RegExp(ulidPattern));
    },
  );

  it.each([
    '',
    '01ARZ3NDEKTSV4RRFFQ69G5FA',
    '01ARZ3NDEKTSV4RRFFQ69G5FAVV',
    '01arz3ndektsv4rrffq69g5fav',
    // Beyond 48 bits of time.
    '80000000000000000000000000',
    // Letters that Crockford leaves out.
    '01ARZ3NDEKTSV4RRFFQ69G5FAI',
    '01ARZ3NDEKTSV4RRFFQ69G5FAL',
    '01ARZ3NDEKTSV4RRFFQ69G5FAO',
    '01ARZ3NDEKTSV4RRFFQ69G5FAU',
    '01ARZ3NDEKTSV4RRFFQ69G5FAV\n',
    ' 01ARZ3NDEKTSV4RRFFQ69G5FAV',
  ])('refuses %j', (id) => {
    expect(id).not.toMatch(new RegExp(ulidPattern));
  });
});

describe('the pattern of tenant ids', () => {
  it.each(['a', 'acme', 'ACME-1_x', '0', '-', 'x'.repeat(64)])('takes %s', (id) => {
    expect(id).toMatch(new RegExp(tenantIdPattern));
  });

  it.each(['', ' ', 'a b', 'a/b', 'a.b', "a'b", 'é', 'acme\n', 'x'.repeat(65)])('refuses %j', (id) => {
    expect(id).not.toMatch(new RegExp(tenantIdPattern));
  });
});

describe('the workflow of a delivery', () => {
  it('is named after the delivery', () => {
    expect(deliveryWorkflowId('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe('delivery:01ARZ3NDEKTSV4RRFFQ69G5FAV');
  });
});

describe('the lowest id of a time', () => {
  it('is an id below all of that moment and above all of the moment before', () => {
    const at = Date.parse('2026-01-31T12:00:00.000Z');
    const lowest = lowestIdAt(new Date(at));

    expect(lowest).toMatch(new RegExp(ulidPattern));
    expect(lowest <= ulid(at)).toBe(true);
    expect(lowest > ulid(at - 1)).toBe(true);
  });

  it('is the lowest of all for times before 1970', () => {
    expect(lowestIdAt(new Date(-1))).toBe('0'.repeat(26));
  });
});
