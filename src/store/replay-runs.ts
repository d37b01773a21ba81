/**
 * Working off a replay, a page at a time: each page opens the replays of its deliveries and moves the
 * position in one transaction, so that a process that dies in between skips none and replays none twice.
 */
import type { Pool, PoolClient } from 'pg';
import type { ReplayFilter, ReplayState } from '../domain/replay';
import { claimedColumns, type ClaimedDelivery } from './claims';
import type { Claim } from './events';
import { matching } from './replay-matching';
import { opensReplay } from './replay-opening';
import { inTransaction } from './tenant-scope';

export interface ReplayProgress {
  readonly replayId: string;
  readonly matched: number;
  readonly done: number;
  readonly failed: number;
  readonly state: ReplayState;
}

export interface ReplayPage {
  readonly progress: ReplayProgress;
  /** What the outbox needs to start them. */
  readonly claimed: readonly ClaimedDelivery[];
}

export interface ReplayRuns {
  /**
   * Replays up to `limit` deliveries of the webhook's oldest replay that is not finished.
   * @returns undefined when there is none
   */
  step(webhookId: string, claim: Claim, limit: number): Promise<ReplayPage | undefined>;
}

export function createReplayRuns(workerPool: Pool): ReplayRuns {
  return {
    step: (webhookId, claim, limit) =>
      inTransaction(workerPool, 'BEGIN', (client) => stepOldest(client, webhookId, claim, limit)),
  };
}

async function stepOldest(
  client: PoolClient,
  webhookId: string,
  claim: Claim,
  limit: number,
): Promise<ReplayPage | undefined> {
  const { rows } = await client.query<OpenReplay>(
    `SELECT r.id, r.filter, r.matched, r.done, r.seen_id AS "seenId", r.created_at AS "createdAt",
            w.state = 'disabled' OR w.deleted_at IS NOT NULL OR w.last_disabled_at > r.created_at AS refused
     FROM hook.replays r JOIN hook.webhook_configs w ON w.id = r.webhook_id
     WHERE r.webhook_id = $1 AND r.state IN ('pending', 'running') ORDER BY r.id LIMIT 1 FOR NO KEY UPDATE OF r`,
    [webhookId],
  );
  const replay = rows[0];
  if (!replay) return undefined;
  if (replay.refused === true) return { progress: await save(client, replay, { state: 'cancelled' }), claimed: [] };

  const room = Math.min(limit, replay.matched - replay.done);
  const claimed = await openPage(client, webhookId, replay, claim, room);
  const done = replay.done + claimed.length;
  const last = claimed.at(-1);
  const finished = claimed.length < room || done >= replay.matched;
  const progress = await save(client, replay, {
    state: finished ? 'completed' : 'running',
    done,
    ...(last && { seenId: last.id }),
  });
  return { progress, claimed };
}

interface OpenReplay {
  readonly id: string;
  readonly filter: ReplayFilter;
  readonly matched: number;
  readonly done: number;
  readonly seenId: string;
  readonly createdAt: Date;
  /** Its webhook was disabled or deleted since. */
  readonly refused: boolean | null;
}

async function openPage(
  client: PoolClient,
  webhookId: string,
  replay: OpenReplay,
  claim: Claim,
  limit: number,
): Promise<ClaimedDelivery[]> {
  const { text, values } = matching(webhookId, replay.filter, replay.createdAt, replay.seenId);
  const bound = (n: number): string => `$${values.length + n}`;
  const { rows } = await client.query<ClaimedDelivery>(
    `WITH turn AS (
       SELECT d.id FROM hook.deliveries d WHERE ${text} ORDER BY d.id LIMIT ${bound(1)} FOR NO KEY UPDATE
     ), opened AS (
       UPDATE hook.deliveries d
       SET ${opensReplay}, status = 'PENDING', claimed_by = ${bound(2)},
           claimed_until = now() + ${bound(3)} * interval '1 millisecond'
       FROM hook.webhook_configs w, turn
       WHERE w.id = d.webhook_id AND d.id = turn.id
       RETURNING ${claimedColumns}
     )
     SELECT * FROM opened ORDER BY id`,
    [...values, limit, claim.by, claim.forMs],
  );
  return rows;
}

/** What is left when nothing matches any more was replayed or resolved one by one meanwhile. */
async function save(
  client: PoolClient,
  replay: OpenReplay,
  { state, done = replay.done, seenId = replay.seenId }: { state: ReplayState; done?: number; seenId?: string },
): Promise<ReplayProgress> {
  const failed = state === 'completed' ? replay.matched - done : 0;
  await client.query(
    `UPDATE hook.replays
     SET state = $2, done = $3, failed = $4, seen_id = $5, updated_at = now(),
         completed_at = CASE WHEN $2 IN ('completed', 'cancelled') THEN now() END
     WHERE id = $1`,
    [replay.id, state, done, failed, seenId],
  );
  return { replayId: replay.id, matched: replay.matched, done, failed, state };
}
