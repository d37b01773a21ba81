/** The two ways of paging: by offset for small collections, by keyset cursor for large ones. */
import { invalidField } from '../domain/errors';

/** `page` says the same as `offset`, counted in pages from 1. */
export function offsetOf(query: { limit: number; offset: number; page?: number }): { limit: number; offset: number } {
  const { limit, offset, page } = query;
  if (page === undefined) return { limit, offset };
  if (offset !== 0) throw invalidField('page', 'page is another way to say offset; send one of them.');
  return { limit, offset: (page - 1) * limit };
}

/**
 * Cuts a result of up to `limit` + 1 rows to a page.
 *
 * @param key of the last row; opaque to clients, who only hand it back
 */
export function cursorPage<T>(rows: readonly T[], limit: number, key: (row: T) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, pagination: { limit, next_cursor: more ? Buffer.from(key(last)).toString('base64url') : null } };
}

/** @returns the key that a cursor stands for @throws VALIDATION_ERROR when it is not one of ours */
export function keyOf(cursor: string | undefined, pattern: RegExp): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString();
  if (!pattern.test(key)) throw invalidField('cursor', 'cursor must be a next_cursor as it was returned.');
  return key;
}
