/**
 * Accepting many events of one tenant: each on its own, a few at a time. The webhooks are looked up
 * once, so that a whole batch meets the same ones.
 */
import { forEachConcurrently } from '../concurrently';
import { acceptAmong, type AcceptDeps, type AcceptedEvent, type PublishedEvent } from './accept';

/** How many events are written at a time; a batch must leave connections to others. */
const concurrency = 4;

export type AcceptBatch = (
  tenantId: string,
  events: readonly PublishedEvent[],
) => Promise<PromiseSettledResult<AcceptedEvent>[]>;

/**
 * @param events all of the same tenant
 * @returns what became of each event, in their order
 * @throws the database's error when not even the webhooks could be looked up; nothing was written then
 */
export async function acceptBatch(
  deps: AcceptDeps,
  tenantId: string,
  events: readonly PublishedEvent[],
): Promise<PromiseSettledResult<AcceptedEvent>[]> {
  const candidates = await deps.events.candidates(tenantId);
  const results: PromiseSettledResult<AcceptedEvent>[] = Array.from({ length: events.length });
  await forEachConcurrently(groupById(events), concurrency, async (group) => {
    for (const at of group) {
      const [result] = await Promise.allSettled([acceptAmong(deps, events[at] as PublishedEvent, candidates)]);
      results[at] = result;
    }
  });
  return results;
}

/** Positions of the events with one id, in order: the first of them is the event, the others repeat it. */
function groupById(events: readonly PublishedEvent[]): number[][] {
  const groups = new Map<string | number, number[]>();
  for (const [at, { id }] of events.entries()) {
    const group = groups.get(id ?? at);
    if (group) group.push(at);
    else groups.set(id ?? at, [at]);
  }
  return [...groups.values()];
}
