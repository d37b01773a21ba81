/** The SQL by which a replay finds its deliveries: the same when they are counted and when their turn comes. */
import type { ReplayFilter } from '../domain/replay';
import { idAfter, idBefore } from './id-bounds';

export interface Matching {
  /** Conditions on `hook.deliveries d`. */
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * @param askedAt deliveries that ended later are no part of it: they may be what the replay itself has sent
 * @param afterId of the last delivery whose turn has been
 */
export function matching(webhookId: string, filter: ReplayFilter, askedAt: Date, afterId: string): Matching {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const since = dateOf(filter.since);
  const until = dateOf(filter.until);
  // The status is one of three words, and stands in the text so that the planner sees which index serves it.
  const conditions = [
    `d.webhook_id = ${bind(webhookId)}`,
    `d.status = '${filter.status}'`,
    'd.resolved_at IS NULL',
    `d.completed_at <= ${bind(askedAt)}`,
    `d.id > ${bind(afterId)}`,
  ];
  if (since) conditions.push(`d.id >= ${bind(idBefore(since))}`, `d.created_at >= ${bind(since)}`);
  if (until) conditions.push(`d.id < ${bind(idAfter(until))}`, `d.created_at < ${bind(until)}`);
  const deadFrom = dateOf(filter.dead_lettered_from);
  const deadTo = dateOf(filter.dead_lettered_to);
  if (deadFrom) conditions.push(`d.completed_at >= ${bind(deadFrom)}`);
  if (deadTo) conditions.push(`d.completed_at < ${bind(deadTo)}`);
  if (filter.event_types) conditions.push(`d.event_type_key LIKE ANY(${bind(filter.event_types.map(toLike))})`);
  return { text: conditions.join(' AND '), values };
}

function dateOf(text: string | null): Date | undefined {
  return text === null ? undefined : new Date(text);
}

/** Here `*` means every type: whoever replays names the webhook, and it has had the deliveries before. */
function toLike(filter: string): string {
  return filter.toLowerCase().replaceAll('_', '\\_').replace(/\*$/, '_%');
}
