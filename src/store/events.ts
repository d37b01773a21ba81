/**
 * Accepting events: one statement writes events and one delivery per matching webhook of each, so that both are
 * there or neither is, and a repeat of the same event writes nothing. Events that come together share a commit.
 */
import type { Pool } from 'pg';
import { Grouped } from '../grouped';
import type { Lane } from '../domain/lane';
import type { RetryPolicy } from '../domain/retry-policy';
import { acceptAll, nameOfEvent, type Accepting } from './accept-all';
import { isDeadlock, isRefused } from './sql-errors';

/** What accepting needs to know of a webhook. */
export interface MatchCandidate {
  readonly id: string;
  readonly url: string;
  readonly eventTypes: readonly string[];
  readonly channel: string | null;
  readonly retryPolicy: RetryPolicy;
  readonly timeoutMs: number;
  readonly ttlSeconds: number;
  readonly maxQueueSize: number;
  readonly healthy: boolean;
  readonly lane: Lane;
  readonly paused: boolean;
  /** It has as many POSTs in flight as it may, and deliveries that wait. */
  readonly crowded: boolean;
}

export interface NewEvent {
  readonly tenantId: string;
  readonly id: string;
  readonly type: string;
  readonly source: string | null;
  readonly eventTime: Date | null;
  readonly channel: string | null;
  /** The exact text of the payload. */
  readonly payloadText: string;
  readonly bodyHash: Buffer;
  readonly idempotencyKey: string | null;
  /** Of the request that published it, when it is traced. */
  readonly traceparent: string | null;
}

export interface NewDelivery {
  readonly id: string;
  readonly webhookId: string;
  readonly ttlSeconds: number;
  /** Why its webhook's queue does not take it, and then it is a dead letter from the start; null when it does. */
  readonly refusal: string | null;
  /** Its webhook was paused a moment ago; whether it still is decides where the delivery is written. */
  readonly paused: boolean;
  /** It waits to be admitted instead of being started. */
  readonly waits: boolean;
  /** Of the process that starts it. */
  readonly claim: Claim;
}

export interface Claim {
  /** Process that will start the workflows. */
  readonly by: string;
  /** How long before another process may take them over, in milliseconds. */
  readonly forMs: number;
}

export interface StoredEvent {
  readonly id: string;
  readonly bodyHash: Buffer;
  readonly idempotencyKey: string | null;
  readonly deliveryIds: string[];
  /** How many of them the queues of their webhooks took. */
  readonly queued: number;
}

export interface Events {
  /** Webhooks of the tenant that take events now, of whatever type. */
  candidates(tenantId: string): Promise<MatchCandidate[]>;
  /**
   * @returns the deliveries that are claimed and to be started, or undefined when an event with this id or
   * idempotency key was accepted before; nothing was written then
   */
  accept(event: NewEvent, deliveries: readonly NewDelivery[]): Promise<string[] | undefined>;
  findAccepted(tenantId: string, eventId: string, idempotencyKey: string | null): Promise<StoredEvent | undefined>;
  /** @returns the length of the webhook's queue, or `limit` when it is that long or longer */
  countQueued(webhookId: string, limit: number): Promise<number>;
}

/** Batches under way at one time: while one waits for the disk another is put together. */
const batchesUnderWay = 3;

export function createEvents(workerPool: Pool): Events {
  const candidates = new Grouped<string, MatchCandidate[]>({
    work: (tenantIds) => findCandidates(workerPool, tenantIds),
    maxBatch: 100,
    maxUnderWay: batchesUnderWay,
  });
  const accepted = new Grouped<Accepting, string[] | undefined>({
    work: (events) => acceptAll(workerPool, events),
    maxBatch: 50,
    maxUnderWay: batchesUnderWay,
    // Of two with one id the second is a repeat of the first, and finds it only when that is committed.
    nameOf: nameOfEvent,
    isOfOne: (error) => isRefused(error) || isDeadlock(error),
  });
  return {
    candidates: (tenantId) => candidates.add(tenantId),

    accept: (event, deliveries) => accepted.add({ event, deliveries }),

    async findAccepted(tenantId, eventId, idempotencyKey) {
      const { rows } = await workerPool.query<AcceptedRow>({
        name: 'events.findAccepted',
        text: `
          SELECT e.id, e.body_hash, e.idempotency_key, made.delivery_ids, made.queued
          FROM hook.events e
          CROSS JOIN LATERAL (
            SELECT COALESCE(array_agg(d.id ORDER BY d.id), '{}') AS delivery_ids,
                   (count(*) FILTER (WHERE d.reason IS DISTINCT FROM 'QUEUE_FULL'))::integer AS queued
            FROM hook.deliveries d WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id
          ) made
          WHERE e.tenant_id = $1 AND (e.id = $2 OR e.idempotency_key = $3)
          -- The same id decides before the same key does.
          ORDER BY e.id = $2 DESC LIMIT 1`,
        values: [tenantId, eventId, idempotencyKey],
      });
      const row = rows[0];
      return (
        row && {
          id: row.id,
          bodyHash: row.body_hash,
          idempotencyKey: row.idempotency_key,
          deliveryIds: row.delivery_ids,
          queued: row.queued,
        }
      );
    },

    async countQueued(webhookId, limit) {
      const { rows } = await workerPool.query<{ queued: number }>({
        name: 'events.countQueued',
        text: `
          SELECT count(*)::integer AS queued FROM (
            SELECT 1 FROM unnest(ARRAY['PENDING', 'IN_PROGRESS', 'FAILED_RETRY', 'PAUSED']) AS s (status)
            CROSS JOIN LATERAL (
              SELECT 1 FROM hook.deliveries d
              WHERE d.webhook_id = $1 AND d.status = s.status AND d.status <> 'SUCCESS' LIMIT $2
            ) one
            LIMIT $2
          ) queue`,
        values: [webhookId, limit],
      });
      return rows[0]?.queued ?? 0;
    },
  };
}

async function findCandidates(pool: Pool, tenantIds: readonly string[]): Promise<MatchCandidate[][]> {
  const byTenant = new Map<string, MatchCandidate[]>(tenantIds.map((id) => [id, []]));
  const { rows } = await pool.query<CandidateRow>({
    name: 'events.candidates',
    text: `SELECT tenant_id, id, url, event_types, channel, retry_policy, timeout_ms, ttl_seconds, max_queue_size,
                  consecutive_failures = 0 AS healthy, lane, state = 'paused' AS paused, crowded
           FROM hook.webhook_configs
           WHERE tenant_id = ANY($1) AND deleted_at IS NULL AND state <> 'disabled'`,
    values: [[...byTenant.keys()]],
  });
  for (const row of rows) byTenant.get(row.tenant_id)?.push(toCandidate(row));
  return tenantIds.map((id) => byTenant.get(id) ?? []);
}

function toCandidate(row: CandidateRow): MatchCandidate {
  return {
    id: row.id,
    url: row.url,
    eventTypes: row.event_types,
    channel: row.channel,
    retryPolicy: row.retry_policy,
    timeoutMs: row.timeout_ms,
    ttlSeconds: row.ttl_seconds,
    maxQueueSize: row.max_queue_size,
    healthy: row.healthy,
    lane: row.lane,
    paused: row.paused,
    crowded: row.crowded,
  };
}

interface CandidateRow {
  tenant_id: string;
  id: string;
  url: string;
  event_types: string[];
  channel: string | null;
  retry_policy: RetryPolicy;
  timeout_ms: number;
  ttl_seconds: number;
  max_queue_size: number;
  healthy: boolean;
  lane: Lane;
  paused: boolean;
  crowded: boolean;
}

interface AcceptedRow {
  id: string;
  body_hash: Buffer;
  idempotency_key: string | null;
  delivery_ids: string[];
  queued: number;
}
