import { cursorPage, keyOf, offsetOf } from '../../../src/api/pagination';
import { ulidPattern } from '../../../src/domain/ids';

const ulid = new RegExp(ulidPattern);
const ids = ['01ARZ3NDEKTSV4RRFFQ69G5FAC', '01ARZ3NDEKTSV4RRFFQ69G5FAB', '01ARZ3NDEKTSV4RRFFQ69G5FAA'];

describe('an offset', () => {
  it.each([
    [{ limit: 20, offset: 0 }, 0],
    [{ limit: 20, offset: 7 }, 7],
    [{ limit: 20, offset: 0, page: 1 }, 0],
    [{ limit: 20, offset: 0, page: 3 }, 40],
    [{ limit: 1, offset: 0, page: 100 }, 99],
  ])('of %j is %d', (query, offset) => {
    expect(offsetOf(query)).toEqual({ limit: query.limit, offset });
  });

  it('cannot be said twice', () => {
    const ask = () => offsetOf({ limit: 20, offset: 20, page: 2 });

    expect(ask).toThrow(expect.objectContaining({ code: 'VALIDATION_ERROR', field: 'page' }));
  });
});

describe('a page by cursor', () => {
  const page = (count: number, limit: number) => cursorPage(ids.slice(0, count), limit, (id) => id);

  it.each([
    [0, 2],
    [1, 2],
    [2, 2],
  ])('of %d rows with limit %d is the last', (count, limit) => {
    expect(page(count, limit)).toEqual({ items: ids.slice(0, count), pagination: { limit, next_cursor: null } });
  });

  it('of more rows than the limit goes on after its last item', () => {
    const { items, pagination } = page(3, 2);

    expect(items).toEqual(ids.slice(0, 2));
    expect(pagination.limit).toBe(2);
    expect(keyOf(pagination.next_cursor ?? undefined, ulid)).toBe(ids[1]);
  });

  it('has a cursor that needs no escaping in a URL', () => {
    const { pagination } = cursorPage(['~~~???', 'x'], 1, (key) => key);

    expect(pagination.next_cursor).toMatch(/^[A-Za-z0-9_-]+$/);
  });
});

describe('a cursor', () => {
  it('that is left out stands for no key', () => {
    expect(keyOf(undefined, ulid)).toBeUndefined();
  });

  it.each(['', 'x', '%', ids[0] ?? '', Buffer.from('1 OR 1=1').toString('base64url'), 'é', '\u0000'])(
    '%j of another making is refused',
    (cursor) => {
      expect(() => keyOf(cursor, ulid)).toThrow(expect.objectContaining({ code: 'VALIDATION_ERROR', field: 'cursor' }));
    },
  );
});
