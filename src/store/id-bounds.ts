/**
 * Bounds on ids for bounds on time. The process makes the id, the database the time: their clocks differ
 * a little, and between the two there is work. So these bounds only narrow what an index reads; the
 * condition on `created_at` stays beside them.
 */
import { lowestIdAt } from '../domain/ids';

const marginMs = 5 * 60_000;

/** Nothing created at this time or later has a lower id. */
export function idBefore(time: Date): string {
  return lowestIdAt(new Date(time.getTime() - marginMs));
}

/** Nothing created before this time has this id or a higher one. */
export function idAfter(time: Date): string {
  return lowestIdAt(new Date(time.getTime() + marginMs));
}

/** Where a page of ids begins and ends. @param page.before id of the last row of the page before */
export function idBounds(page: { from?: Date | undefined; to?: Date | undefined; before?: string | undefined }): {
  low: string;
  high: string;
} {
  const { from, to, before } = page;
  // No ULID begins with a letter.
  const end = to ? idAfter(to) : 'Z';
  return { low: from ? idBefore(from) : '', high: before !== undefined && before < end ? before : end };
}
