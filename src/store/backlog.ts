/** What has been accepted and waits in Postgres, as operators see it. */
import type { Pool } from 'pg';

/** `unstarted`: not yet begun by any process; `waiting`: for a slot of its webhook or tenant. */
export type BacklogState = 'unstarted' | 'waiting';

export interface Backlog {
  readonly state: BacklogState;
  /** `countLimit` stands for that many or more. */
  readonly deliveries: number;
  /** Seconds for which the oldest of them has been waiting; 0 without any. */
  readonly oldestSeconds: number;
}

/** More would tell nobody more, and counting costs time. */
export const countLimit = 100_000;

export type CountBacklog = () => Promise<Backlog[]>;

export function createBacklogCount(workerPool: Pool): CountBacklog {
  return async () => {
    const { rows } = await workerPool.query<Backlog>({
      name: 'backlog.count',
      // Each walks a partial index that holds what is open and no more.
      text: `
        SELECT state, count(since)::integer AS deliveries,
               COALESCE(GREATEST(EXTRACT(EPOCH FROM now() - min(since)), 0), 0)::float8 AS "oldestSeconds"
        FROM (VALUES ('unstarted'), ('waiting')) AS states (state)
        LEFT JOIN (
          (SELECT 'unstarted' AS state, COALESCE(replayed_at, created_at) AS since FROM hook.deliveries
           WHERE claimed_until IS NOT NULL AND status = 'PENDING' LIMIT $1)
          UNION ALL
          -- A retry has its place by the age of its delivery, and waits since it fell due.
          (SELECT 'waiting', COALESCE(next_attempt_at, waiting_since) FROM hook.deliveries
           WHERE waiting_since IS NOT NULL LIMIT $1)
        ) open USING (state)
        GROUP BY state`,
      values: [countLimit],
    });
    return rows;
  };
}
