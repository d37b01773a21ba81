/** The statement that accepts events: many of them in one, with one array per column, as in attempt-records.ts. */
import type { Pool } from 'pg';
import type { NewDelivery, NewEvent } from './events';

export interface Accepting {
  readonly event: NewEvent;
  readonly deliveries: readonly NewDelivery[];
}

/**
 * Written in one order, so that two batches do not wait for each other.
 *
 * @returns for each event the deliveries that are claimed, or undefined when it was accepted before
 */
export async function acceptAll(pool: Pool, events: readonly Accepting[]): Promise<(string[] | undefined)[]> {
  const sorted = events.toSorted((a, b) => (nameOfEvent(a) < nameOfEvent(b) ? -1 : 1));
  const deliveries = sorted.flatMap(({ event, deliveries: made }) => made.map((delivery) => ({ event, delivery })));
  const { rows } = await pool.query<{ tenant_id: string; id: string; started: string[] | null }>({
    name: 'events.accept',
    text: acceptSql,
    values: [
      ...eventColumns.map((column) => sorted.map(({ event }) => event[column])),
      deliveries.map(({ delivery }) => delivery.id),
      deliveries.map(({ event }) => event.tenantId),
      deliveries.map(({ event }) => event.id),
      deliveries.map(({ delivery }) => delivery.webhookId),
      deliveries.map(({ delivery }) => delivery.ttlSeconds),
      deliveries.map(({ delivery }) => delivery.refusal),
      deliveries.map(({ delivery }) => delivery.waits),
      deliveries.map(({ delivery }) => delivery.claim.by),
      deliveries.map(({ delivery }) => delivery.claim.forMs),
      deliveries.filter(({ delivery }) => delivery.paused).map(({ delivery }) => delivery.webhookId),
    ],
  });
  const started = new Map(rows.map((row) => [nameOf(row.tenant_id, row.id), row.started ?? []]));
  return events.map(({ event }) => started.get(nameOf(event.tenantId, event.id)));
}

export function nameOfEvent({ event }: Accepting): string {
  return nameOf(event.tenantId, event.id);
}

/** No tenant has a space in its id. */
function nameOf(tenantId: string, eventId: string): string {
  return `${tenantId} ${eventId}`;
}

const eventColumns = [
  'tenantId',
  'id',
  'type',
  'source',
  'eventTime',
  'channel',
  'payloadText',
  'bodyHash',
  'idempotencyKey',
  'traceparent',
] as const satisfies (keyof NewEvent)[];

const acceptSql = `
  WITH event AS (
    INSERT INTO hook.events
      (tenant_id, id, type, source, event_time, channel, payload_snapshot, body_hash, idempotency_key,
       traceparent)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                         $8::bytea[], $9::text[], $10::text[])
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, id, type, created_at
  ), paused AS (
    -- FOR SHARE: a resume either comes first and is seen here, or waits and then finds these deliveries.
    SELECT id, state_version FROM hook.webhook_configs
    WHERE id = ANY($20::text[]) AND state = 'paused' ORDER BY id FOR SHARE
  ), written AS (
    INSERT INTO hook.deliveries
      (id, tenant_id, webhook_id, event_id, event_type, status, claimed_by, claimed_until, waiting_since,
       parked_version, expires_at, created_at, reason, last_error, completed_at)
    SELECT d.id, event.tenant_id, d.webhook_id, event.id, event.type,
           CASE WHEN NOT queued THEN 'DEAD_LETTER' WHEN parks THEN 'PAUSED' ELSE 'PENDING' END,
           CASE WHEN starts THEN d.claimed_by END,
           CASE WHEN starts THEN now() + d.claim_ms * interval '1 millisecond' END,
           CASE WHEN queued AND NOT parks AND d.waits THEN now() END,
           CASE WHEN parks THEN paused.state_version END,
           event.created_at + d.ttl_seconds * interval '1 second', event.created_at,
           CASE WHEN NOT queued THEN 'QUEUE_FULL' END, d.refusal, CASE WHEN NOT queued THEN now() END
    FROM event
    JOIN unnest($11::text[], $12::text[], $13::text[], $14::text[], $15::integer[], $16::text[], $17::boolean[],
                $18::text[], $19::integer[])
      AS d (id, tenant_id, event_id, webhook_id, ttl_seconds, refusal, waits, claimed_by, claim_ms)
      ON d.tenant_id = event.tenant_id AND d.event_id = event.id
    LEFT JOIN paused ON paused.id = d.webhook_id
    CROSS JOIN LATERAL (SELECT d.refusal IS NULL AS queued, d.refusal IS NULL AND paused.id IS NOT NULL AS parks) p
    CROSS JOIN LATERAL (SELECT queued AND NOT parks AND NOT d.waits AS starts) s
    RETURNING tenant_id, event_id, id, claimed_by
  )
  SELECT event.tenant_id, event.id, array_agg(written.id) FILTER (WHERE written.claimed_by IS NOT NULL) AS started
  FROM event LEFT JOIN written ON written.tenant_id = event.tenant_id AND written.event_id = event.id
  GROUP BY event.tenant_id, event.id`;
