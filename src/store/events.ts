/**
 * Accepting events: one statement writes the event and one delivery per matching webhook, so that
 * both are there or neither is, and a repeat of the same event writes nothing.
 */
import type { Pool } from 'pg';
import type { Lane } from '../domain/lane';
import type { RetryPolicy } from '../domain/retry-policy';

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

export function createEvents(workerPool: Pool): Events {
  return {
    async candidates(tenantId) {
      const { rows } = await workerPool.query<CandidateRow>({
        name: 'events.candidates',
        text: `SELECT id, url, event_types, channel, retry_policy, timeout_ms, ttl_seconds, max_queue_size,
                      consecutive_failures = 0 AS healthy, lane, state = 'paused' AS paused, crowded
               FROM hook.webhook_configs
               WHERE tenant_id = $1 AND deleted_at IS NULL AND state <> 'disabled'`,
        values: [tenantId],
      });
      return rows.map((row) => ({
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
      }));
    },

    async accept(event, deliveries) {
      const { rows } = await workerPool.query<{ started: string[] }>({
        name: 'events.accept',
        text: `
          WITH event AS (
            INSERT INTO hook.events
              (tenant_id, id, type, source, event_time, channel, payload_snapshot, body_hash, idempotency_key)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT DO NOTHING
            RETURNING created_at
          ), paused AS (
            -- FOR SHARE: a resume either comes first and is seen here, or waits and then finds these deliveries.
            SELECT id, state_version FROM hook.webhook_configs
            WHERE id = ANY($14::text[]) AND state = 'paused' FOR SHARE
          ), written AS (
            INSERT INTO hook.deliveries
              (id, tenant_id, webhook_id, event_id, event_type, status, claimed_by, claimed_until, waiting_since,
               parked_version, expires_at, created_at, reason, last_error, completed_at)
            SELECT d.id, $1, d.webhook_id, $2, $3,
                   CASE WHEN NOT queued THEN 'DEAD_LETTER' WHEN parks THEN 'PAUSED' ELSE 'PENDING' END,
                   CASE WHEN starts THEN d.claimed_by END,
                   CASE WHEN starts THEN now() + d.claim_ms * interval '1 millisecond' END,
                   CASE WHEN queued AND NOT parks AND d.waits THEN now() END,
                   CASE WHEN parks THEN paused.state_version END,
                   event.created_at + d.ttl_seconds * interval '1 second', event.created_at,
                   CASE WHEN NOT queued THEN 'QUEUE_FULL' END, d.refusal, CASE WHEN NOT queued THEN now() END
            FROM event
            CROSS JOIN unnest($10::text[], $11::text[], $12::integer[], $13::text[], $15::boolean[],
                              $16::text[], $17::integer[])
              AS d (id, webhook_id, ttl_seconds, refusal, waits, claimed_by, claim_ms)
            LEFT JOIN paused ON paused.id = d.webhook_id
            CROSS JOIN LATERAL (SELECT d.refusal IS NULL AS queued, d.refusal IS NULL AND paused.id IS NOT NULL AS parks) p
            CROSS JOIN LATERAL (SELECT queued AND NOT parks AND NOT d.waits AS starts) s
            RETURNING id, claimed_by
          )
          SELECT ARRAY(SELECT id FROM written WHERE claimed_by IS NOT NULL) AS started FROM event`,
        values: [
          event.tenantId,
          event.id,
          event.type,
          event.source,
          event.eventTime,
          event.channel,
          event.payloadText,
          event.bodyHash,
          event.idempotencyKey,
          deliveries.map(({ id }) => id),
          deliveries.map(({ webhookId }) => webhookId),
          deliveries.map(({ ttlSeconds }) => ttlSeconds),
          deliveries.map(({ refusal }) => refusal),
          deliveries.filter(({ paused }) => paused).map(({ webhookId }) => webhookId),
          deliveries.map(({ waits }) => waits),
          deliveries.map(({ claim }) => claim.by),
          deliveries.map(({ claim }) => claim.forMs),
        ],
      });
      return rows[0]?.started;
    },

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

interface CandidateRow {
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
