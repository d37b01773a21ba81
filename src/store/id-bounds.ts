/**
 * Bounds on the ids of deliveries for bounds on their time. The process makes the id, the database the
 * time: their clocks differ a little, and between the two there is work. So these bounds only narrow
 * what an index reads; the condition on `created_at` stays beside them.
 */
import { lowestIdAt } from '../domain/ids';

const marginMs = 5 * 60_000;

/** No delivery created at this time or later has a lower id. */
export function idBefore(time: Date): string {
  return lowestIdAt(new Date(time.getTime() - marginMs));
}

/** No delivery created before this time has this id or a higher one. */
export function idAfter(time: Date): string {
  return lowestIdAt(new Date(time.getTime() + marginMs));
}
