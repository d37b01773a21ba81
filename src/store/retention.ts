/**
 * Removing what is older than it is kept, a page at a time. Each step walks an index from where it stopped, so
 * that what stays is passed over once per run and no statement handles more than a page. What may be removed
 * at all is held by the policies of migration 0015; the conditions here say what is due.
 */
import type { Pool } from 'pg';
import { lowestIdAt } from '../domain/ids';
import type { RetentionStep } from '../temporal/contracts';
import { idAfter } from './id-bounds';

export interface RetentionPage {
  /** Rows, or partitions. */
  readonly removed: number;
  /** Where the next page begins; null after the last one. */
  readonly position: string | null;
}

/** @param position null begins the step anew */
export type RemovePage = (position: string | null) => Promise<RetentionPage>;

export type Retention = Readonly<Record<RetentionStep, RemovePage>>;

export interface RetentionOptions {
  /** Since a delivery or replay ended, or an event was accepted. */
  readonly days: number;
  readonly auditDays: number;
}

/** Rows looked at by one statement. */
const pageSize = 1_000;

const dayMs = 86_400_000;

// No statement below joins: a page is a range of an index, and OFFSET 0 keeps a subquery one look into an index for
// each row of it. Postgres would make joins of them otherwise, and with statistics that are out of date those may
// read a whole table for a page, or for each row of one.

/**
 * Days for which a partition may wait to be dropped whole: it is held by deliveries that ended a day or two after
 * it. After that, what is left over in it is removed row by row.
 */
const wholeDays = 3;

/** Any number, as long as nothing else in the database locks it. A page that meets another run's leaves it the work. */
const lockId = 5_301_003;
const alone = `(SELECT pg_try_advisory_xact_lock(${lockId}))`;

export function createRetention(workerPool: Pool, { days, auditDays }: RetentionOptions): Retention {
  const cutoff = (of: number): Date => new Date(Date.now() - of * dayMs);

  return {
    async deliveries(position) {
      const before = cutoff(days);
      // Made before they ended. Those that are open are walked past, and so are those that were replayed since.
      return walkIds(workerPool, deliveriesSql, [position ?? '', idAfter(before), before]);
    },

    async partitions(position) {
      const { rows } = await workerPool.query<{ day: string }>({
        name: 'retention.partitions',
        text: `SELECT to_char(day, 'YYYY-MM-DD') AS day
               FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               CROSS JOIN LATERAL (SELECT to_date(substring(c.relname FROM '\\d{8}$'), 'YYYYMMDD') AS day) named
               WHERE i.inhparent = 'hook.delivery_attempts'::regclass AND day > $1::date AND day < $2::date
               ORDER BY day LIMIT 1`,
        values: [position ?? '-infinity', dayOf(cutoff(days))],
      });
      const day = rows[0]?.day;
      if (day === undefined) return { removed: 0, position: null };
      return { removed: (await dropPartition(workerPool, day)) ? 1 : 0, position: day };
    },

    async attempts(position) {
      const after = position === null ? firstAttempt : (JSON.parse(position) as AttemptPosition);
      const { rows } = await workerPool.query<{ removed: number; seen: number; last: AttemptPosition | null }>({
        name: 'retention.attempts',
        text: attemptsSql,
        values: [...after, dayOf(cutoff(days + wholeDays)), pageSize],
      });
      const { removed = 0, seen = 0, last = null } = rows[0] ?? {};
      return { removed, position: seen < pageSize || last === null ? null : JSON.stringify(last) };
    },

    async events(position) {
      const after = position === null ? undefined : (JSON.parse(position) as EventPosition);
      const at = after ?? (await nextTenant(workerPool, ''));
      if (!at) return { removed: 0, position: null };
      const { rows } = await workerPool.query<{
        removed: number;
        seen: number;
        last: Omit<EventPosition, 'tenantId'> | null;
      }>({
        name: 'retention.events',
        text: eventsSql,
        values: [at.tenantId, at.createdAt, at.id, cutoff(days), pageSize],
      });
      const { removed = 0, seen = 0, last = null } = rows[0] ?? {};
      const next =
        seen < pageSize || last === null
          ? await nextTenant(workerPool, at.tenantId)
          : { tenantId: at.tenantId, ...last };
      return { removed, position: next ? JSON.stringify(next) : null };
    },

    async replays(position) {
      const before = cutoff(days);
      return walkIds(workerPool, replaysSql, [position ?? '', idAfter(before), before]);
    },

    async auditLogs(position) {
      const before = cutoff(auditDays);
      return walkIds(workerPool, auditLogsSql, [position ?? '', idAfter(before), before]);
    },
  };
}

/** Pages of a table whose ids are ULIDs, and so in the order of their making. */
async function walkIds(
  pool: Pool,
  { name, text }: { readonly name: string; readonly text: string },
  values: readonly [after: string, below: string, before: Date],
): Promise<RetentionPage> {
  const { rows } = await pool.query<{ removed: number; seen: number; last: string | null }>({
    name,
    text,
    values: [...values, pageSize],
  });
  const { removed = 0, seen = 0, last = null } = rows[0] ?? {};
  return { removed, position: seen < pageSize ? null : last };
}

const summary = `max(id) AS last, count(*)::integer AS seen, (SELECT count(*)::integer FROM gone) AS removed`;

const deliveriesSql = {
  name: 'retention.deliveries',
  // SKIP LOCKED: one that is being replayed or resolved right now is not old any more, or the next run's.
  text: `
    WITH page AS (
      SELECT id FROM hook.deliveries WHERE id > $1 AND id < $2 AND ${alone} ORDER BY id LIMIT $4
    ), ended AS (
      SELECT id FROM hook.deliveries
      WHERE id > $1 AND id <= (SELECT max(id) FROM page)
        AND status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED') AND completed_at < $3
      FOR UPDATE SKIP LOCKED
    ), gone AS (
      DELETE FROM hook.deliveries WHERE id = ANY (ARRAY(SELECT id FROM ended)) RETURNING 1
    )
    SELECT ${summary} FROM page`,
};

const replaysSql = {
  name: 'retention.replays',
  text: `
    WITH page AS (
      SELECT id FROM hook.replays WHERE id > $1 AND id < $2 AND ${alone} ORDER BY id LIMIT $4
    ), gone AS (
      DELETE FROM hook.replays
      WHERE id > $1 AND id <= (SELECT max(id) FROM page)
        AND state IN ('completed', 'cancelled') AND completed_at < $3 RETURNING 1
    )
    SELECT ${summary} FROM page`,
};

const auditLogsSql = {
  name: 'retention.auditLogs',
  text: `SELECT last_id AS last, seen, removed FROM hook.remove_audit_logs($1, $2, $3, $4) WHERE ${alone}`,
};

/**
 * The function asks the same before it drops; here it is asked as a role that sees every row by right. Not in
 * one statement: a partition cannot be dropped by a statement that reads it.
 */
async function dropPartition(pool: Pool, day: string): Promise<boolean> {
  // Two days later, which is room for the clocks of processes and of Temporal.
  const belowId = lowestIdAt(new Date(Date.parse(day) + 2 * dayMs));
  const held = await pool.query({
    name: 'retention.holders',
    text: `SELECT 1 FROM hook.deliveries d
           WHERE d.id < $2 AND EXISTS (
             SELECT 1 FROM hook.delivery_attempts a WHERE a.attempted_on = $1 AND a.delivery_id = d.id OFFSET 0)
           LIMIT 1`,
    values: [day, belowId],
  });
  if (held.rowCount !== 0) return false;
  const { rows } = await pool.query<{ dropped: boolean }>({
    name: 'retention.dropPartition',
    text: 'SELECT hook.drop_attempt_partition($1, $2) AS dropped',
    values: [day, belowId],
  });
  return rows[0]?.dropped ?? false;
}

type AttemptPosition = readonly [attemptedOn: string, deliveryId: string, runId: string, tryNo: number];

const firstAttempt: AttemptPosition = ['-infinity', '', '', 0];

/** Along the primary key of each partition. */
const attemptsSql = `
  WITH page AS (
    SELECT attempted_on, delivery_id, run_id, try FROM hook.delivery_attempts
    WHERE attempted_on >= $1 AND attempted_on < $5 AND (attempted_on, delivery_id, run_id, try) > ($1, $2, $3, $4)
      AND ${alone}
    ORDER BY attempted_on, delivery_id, run_id, try LIMIT $6
  ), last AS (
    SELECT * FROM page ORDER BY attempted_on DESC, delivery_id DESC, run_id DESC, try DESC LIMIT 1
  ), gone AS (
    DELETE FROM hook.delivery_attempts a
    WHERE attempted_on >= $1 AND attempted_on < $5 AND (attempted_on, delivery_id, run_id, try) > ($1, $2, $3, $4)
      AND (attempted_on, delivery_id, run_id, try) <= (SELECT attempted_on, delivery_id, run_id, try FROM last)
      AND NOT EXISTS (SELECT 1 FROM hook.deliveries d WHERE d.id = a.delivery_id OFFSET 0)
    RETURNING 1
  )
  SELECT (SELECT count(*)::integer FROM page) AS seen, (SELECT count(*)::integer FROM gone) AS removed,
         (SELECT json_build_array(attempted_on, delivery_id, run_id, try) FROM last) AS last`;

/** Events have the ids that their producers chose, so they are walked by time, a tenant after another. */
interface EventPosition {
  readonly tenantId: string;
  readonly createdAt: string;
  readonly id: string;
}

async function nextTenant(pool: Pool, after: string): Promise<EventPosition | undefined> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'retention.nextTenant',
    text: 'SELECT id FROM hook.tenants WHERE id > $1 ORDER BY id LIMIT 1',
    values: [after],
  });
  return rows[0] && { tenantId: rows[0].id, createdAt: '-infinity', id: '' };
}

const eventsSql = `
  WITH page AS (
    SELECT created_at, id FROM hook.events
    WHERE tenant_id = $1 AND (created_at, id) > ($2, $3) AND created_at < $4 AND ${alone}
    ORDER BY created_at, id LIMIT $5
  ), last AS (
    SELECT * FROM page ORDER BY created_at DESC, id DESC LIMIT 1
  ), gone AS (
    DELETE FROM hook.events e
    WHERE tenant_id = $1 AND (created_at, id) > ($2, $3) AND created_at < $4
      AND (created_at, id) <= (SELECT created_at, id FROM last)
      AND NOT EXISTS (SELECT 1 FROM hook.deliveries d WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id OFFSET 0)
    RETURNING 1
  )
  SELECT (SELECT count(*)::integer FROM page) AS seen, (SELECT count(*)::integer FROM gone) AS removed,
         (SELECT json_build_object('createdAt', created_at, 'id', id) FROM last) AS last`;

/** By UTC, as partitions are. */
function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}
