/** Reading events back, newest first, one tenant at a time. Migration 0008 has an index for each query. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import { keysetQuery } from './keyset';
import { withTenantClient } from './tenant-scope';

export interface Event {
  readonly id: string;
  readonly type: string;
  readonly source: string | null;
  readonly channel: string | null;
  readonly eventTime: Date | null;
  readonly createdAt: Date;
}

export interface EventWithPayload extends Event {
  /** The exact text that was published. */
  readonly payloadText: string;
}

/** Where a page of events ends; ids alone are the producers' and say nothing of time. */
export interface EventKey {
  readonly createdAt: Date;
  readonly id: string;
}

export interface EventFilter {
  readonly type?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  /** The last event of the page before. */
  readonly before?: EventKey | undefined;
}

export interface SeenType {
  /** In lower case: types are compared without regard to it. */
  readonly type: string;
  /** Of the events that are kept, up to `maxTypeCount`. */
  readonly count: number;
  readonly lastSeenAt: Date;
}

export interface TypePage {
  readonly limit: number;
  /** The last type of the page before. */
  readonly after?: string | undefined;
}

export interface EventLists {
  /** @returns up to `limit` + 1 events; the last one only tells that there are more */
  list(tenantId: string, filter: EventFilter): Promise<Event[]>;
  /** @throws NOT_FOUND */
  get(tenantId: string, id: string): Promise<EventWithPayload>;
  /** @returns up to `limit` + 1 types in alphabetical order */
  types(tenantId: string, page: TypePage): Promise<SeenType[]>;
}

/** Counting goes no further, so that a page of types reads a bounded part of the index. */
export const maxTypeCount = 10_000;

const columns = `id, type, source, channel, event_time AS "eventTime", created_at AS "createdAt"`;

export function createEventLists(pool: Pool): EventLists {
  return {
    list: (tenantId, filter) =>
      withTenantClient(pool, tenantId, async (client) => {
        const type = filter.type?.toLowerCase();
        const { low, high } = bounds(filter);
        const { rows } = await client.query<Event>(
          keysetQuery({
            table: 'events',
            columns,
            tenantId,
            lead: type === undefined ? undefined : { column: 'type_key', value: type },
            key: ['created_at', 'id'],
            low: [low.createdAt, low.id],
            high: [high.createdAt, high.id],
            limit: filter.limit,
          }),
        );
        return rows;
      }),

    get: (tenantId, id) =>
      withTenantClient(pool, tenantId, async (client) => {
        const { rows } = await client.query<EventWithPayload>(
          `SELECT ${columns}, payload_snapshot AS "payloadText" FROM hook.events WHERE tenant_id = $1 AND id = $2`,
          [tenantId, id],
        );
        if (!rows[0]) throw new EverhookError('NOT_FOUND', `no event ${id}`);
        return rows[0];
      }),

    types: (tenantId, { limit, after }) =>
      withTenantClient(pool, tenantId, async (client) => {
        const { rows } = await client.query<SeenType>(seenTypesSql, [tenantId, after ?? '', limit + 1, maxTypeCount]);
        return rows;
      }),
  };
}

/** No id is empty, so that a time with an empty id stands before all events of that time. */
function bounds({ from, to, before }: EventFilter) {
  const end = { createdAt: to ?? 'infinity', id: '' };
  const isNearer = before !== undefined && (to === undefined || before.createdAt < to);
  return { low: { createdAt: from ?? '-infinity', id: '' }, high: isNearer ? before : end };
}

/** Jumps from each type to the next one in the index, instead of reading every event between them. */
const seenTypesSql = `
  WITH RECURSIVE seen AS (
    (SELECT type_key FROM hook.events WHERE tenant_id = $1 AND type_key > $2 ORDER BY type_key LIMIT 1)
    UNION ALL
    SELECT (SELECT e.type_key FROM hook.events e
            WHERE e.tenant_id = $1 AND e.type_key > seen.type_key ORDER BY e.type_key LIMIT 1)
    FROM seen WHERE seen.type_key IS NOT NULL
  ), page AS (
    SELECT type_key FROM seen WHERE type_key IS NOT NULL LIMIT $3
  )
  SELECT page.type_key AS type, counted.count::int AS count, newest.created_at AS "lastSeenAt"
  FROM page
  CROSS JOIN LATERAL (
    SELECT created_at FROM hook.events e
    WHERE e.tenant_id = $1 AND e.type_key = page.type_key ORDER BY e.created_at DESC, e.id DESC LIMIT 1
  ) newest
  CROSS JOIN LATERAL (
    SELECT count(*) FROM (
      SELECT 1 FROM hook.events e WHERE e.tenant_id = $1 AND e.type_key = page.type_key LIMIT $4
    ) kept
  ) counted`;
