/**
 * Accepting events: one statement writes the event and one delivery per matching webhook, so that
 * both are there or neither is, and a repeat of the same event writes nothing.
 */
import type { Pool } from 'pg';
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
  readonly healthy: boolean;
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
}

export interface Events {
  /** Webhooks of the tenant that take events now, of whatever type. */
  candidates(tenantId: string): Promise<MatchCandidate[]>;
  /** @returns false when an event with this id or idempotency key was accepted before; nothing was written then */
  accept(event: NewEvent, deliveries: readonly NewDelivery[], claim: Claim): Promise<boolean>;
  findAccepted(tenantId: string, eventId: string, idempotencyKey: string | null): Promise<StoredEvent | undefined>;
}

export function createEvents(workerPool: Pool): Events {
  return {
    async candidates(tenantId) {
      const { rows } = await workerPool.query<CandidateRow>({
        name: 'events.candidates',
        text: `SELECT id, url, event_types, channel, retry_policy, timeout_ms, ttl_seconds,
                      consecutive_failures = 0 AS healthy
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
        healthy: row.healthy,
      }));
    },

    async accept(event, deliveries, claim) {
      const { rowCount } = await workerPool.query({
        name: 'events.accept',
        text: `
          WITH event AS (
            INSERT INTO hook.events
              (tenant_id, id, type, source, event_time, channel, payload_snapshot, body_hash, idempotency_key)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT DO NOTHING
            RETURNING created_at
          ), queued AS (
            INSERT INTO hook.deliveries
              (id, tenant_id, webhook_id, event_id, event_type, status, claimed_by, claimed_until, expires_at, created_at)
            SELECT d.id, $1, d.webhook_id, $2, $3, 'PENDING', $13, now() + $14 * interval '1 millisecond',
                   event.created_at + d.ttl_seconds * interval '1 second', event.created_at
            FROM event
            CROSS JOIN unnest($10::text[], $11::text[], $12::integer[]) AS d (id, webhook_id, ttl_seconds)
          )
          SELECT 1 FROM event`,
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
          claim.by,
          claim.forMs,
        ],
      });
      return rowCount === 1;
    },

    async findAccepted(tenantId, eventId, idempotencyKey) {
      const { rows } = await workerPool.query<AcceptedRow>({
        name: 'events.findAccepted',
        text: `
          SELECT e.id, e.body_hash, e.idempotency_key,
                 ARRAY(SELECT d.id FROM hook.deliveries d
                       WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id ORDER BY d.id) AS delivery_ids
          FROM hook.events e
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
        }
      );
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
  healthy: boolean;
}

interface AcceptedRow {
  id: string;
  body_hash: Buffer;
  idempotency_key: string | null;
  delivery_ids: string[];
}
