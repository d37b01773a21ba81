/**
 * Accepting events: find the webhooks that want one, commit the event and its deliveries, hand the
 * deliveries to the outbox. The same event again is answered as before and sent nowhere twice. What a
 * full queue does not take is a dead letter from the start; when no queue takes it, the event is refused.
 */
import { createHash } from 'node:crypto';
import { EverhookError } from '../domain/errors';
import { matchesEventType } from '../domain/event-type';
import { newId } from '../domain/ids';
import type { ClaimedDelivery } from '../store/claims';
import type { Events, MatchCandidate, NewEvent, StoredEvent } from '../store/events';
import { deliveryEnded, eventAccepted, type Telemetry } from '../telemetry/events';
import { traceparentNow } from '../telemetry/spans';
import type { Lanes } from './lanes';
import type { Place, QueueDepths } from './queue-depths';

export interface PublishedEvent extends Omit<NewEvent, 'id' | 'bodyHash' | 'traceparent'> {
  /** The producer's own id; a ULID is made when it is left out. */
  readonly id: string | undefined;
}

export interface AcceptedEvent {
  readonly eventId: string;
  /** All, also those that are dead letters from the start. */
  readonly deliveryIds: string[];
  /** How many of them were queued. */
  readonly queued: number;
}

export interface AcceptDeps {
  readonly telemetry: Telemetry;
  readonly events: Events;
  readonly lanes: Pick<Lanes, 'claimOf' | 'handOver'>;
  readonly queueDepths: QueueDepths;
  /** Told of every dead letter. */
  readonly dlqLimit: { note(tenantId: string): void };
  /** Told of every dead letter, to publish it. */
  readonly operationalEvents: { note(deliveryId: string): void };
}

export type AcceptEvent = (event: PublishedEvent) => Promise<AcceptedEvent>;

/** Seconds until a refused event may be sent again; a queue that moves at all has a place by then. */
const retryAfterSeconds = 1;

/**
 * @throws EVENT_ID_CONFLICT, IDEMPOTENCY_CONFLICT when the id or key stands for other content, QUEUE_FULL
 * when the queue of every webhook that wants it is full, or the database's error; nothing was written then
 */
export async function acceptEvent(deps: AcceptDeps, published: PublishedEvent): Promise<AcceptedEvent> {
  return acceptAmong(deps, published, await deps.events.candidates(published.tenantId));
}

/** Accepts one event, given the webhooks of its tenant that take events now. */
export function acceptAmong(
  deps: AcceptDeps,
  published: PublishedEvent,
  candidates: readonly MatchCandidate[],
): Promise<AcceptedEvent> {
  return acceptFor(
    deps,
    published,
    candidates.filter((webhook) => wants(webhook, published)),
  );
}

/**
 * Accepts one event for these webhooks, whether they want it or not.
 *
 * @param refusable false when nobody could send it again: if no queue takes it, it is accepted as dead letters
 */
export async function acceptFor(
  deps: AcceptDeps,
  published: PublishedEvent,
  wanting: readonly MatchCandidate[],
  refusable = true,
): Promise<AcceptedEvent> {
  const event: NewEvent = {
    ...published,
    id: published.id ?? newId(),
    bodyHash: bodyHash(published),
    traceparent: traceparentNow(),
  };
  // In one order, because an event may wait for a place while it holds others.
  const webhooks = wanting.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const places: (Place | undefined)[] = [];
  let written = false;
  try {
    for (const { id, maxQueueSize } of webhooks) places.push(await deps.queueDepths.take(id, maxQueueSize));
    if (refusable && webhooks.length > 0 && places.every((place) => !place)) {
      return await repeatedOrRefused(deps, event, published, webhooks);
    }
    const made = webhooks.map((webhook, at) => ({ webhook, deliveryId: newId(), isQueued: places[at] !== undefined }));
    const started = await deps.events.accept(
      event,
      made.map(({ webhook, deliveryId, isQueued }) => ({
        id: deliveryId,
        webhookId: webhook.id,
        ttlSeconds: webhook.ttlSeconds,
        refusal: isQueued ? null : `The webhook's queue was full (max_queue_size ${webhook.maxQueueSize}).`,
        paused: webhook.paused,
        waits: webhook.crowded,
        claim: deps.lanes.claimOf({ direct: webhook.lane === 'direct', timeoutMs: webhook.timeoutMs }),
      })),
    );
    written = started !== undefined;
    return started
      ? announce(deps, event, made, new Set(started))
      : await repeated(deps, event, published.id !== undefined);
  } finally {
    for (const place of places) place?.settle(written);
  }
}

interface MadeDelivery {
  readonly webhook: MatchCandidate;
  readonly deliveryId: string;
  readonly isQueued: boolean;
}

/** What was committed goes on its way. */
function announce(
  deps: AcceptDeps,
  event: NewEvent,
  made: readonly MadeDelivery[],
  started: ReadonlySet<string>,
): AcceptedEvent {
  const queued = made.filter(({ isQueued }) => isQueued);
  // The others are parked or wait, and get their workflow later.
  const toStart = queued.filter(({ deliveryId }) => started.has(deliveryId));
  deps.lanes.handOver(toStart.map(({ webhook, deliveryId }) => toClaimed(event, webhook, deliveryId)));
  eventAccepted(deps.telemetry, {
    tenant_id: event.tenantId,
    event_id: event.id,
    event_type: event.type,
    webhooks_queued: queued.length,
  });
  for (const { webhook, deliveryId, isQueued } of made) {
    if (isQueued) continue;
    const ids = { delivery_id: deliveryId, tenant_id: event.tenantId, webhook_id: webhook.id };
    deliveryEnded(deps.telemetry, { ...ids, reason: 'QUEUE_FULL', attempts: 0 });
    deps.dlqLimit.note(event.tenantId);
    deps.operationalEvents.note(deliveryId);
  }
  return { eventId: event.id, deliveryIds: made.map(({ deliveryId }) => deliveryId), queued: queued.length };
}

/** What was accepted before is answered however full the queues are now. */
async function repeatedOrRefused(
  deps: AcceptDeps,
  event: NewEvent,
  published: PublishedEvent,
  webhooks: readonly MatchCandidate[],
): Promise<AcceptedEvent> {
  if (published.id !== undefined || published.idempotencyKey !== null) {
    const before = await deps.events.findAccepted(event.tenantId, event.id, event.idempotencyKey);
    if (before) return asBefore(before, event, published.id !== undefined);
  }
  throw new EverhookError('QUEUE_FULL', `all ${webhooks.length} queues for event ${event.id}`, {
    details: {
      limit: Math.min(...webhooks.map(({ maxQueueSize }) => maxQueueSize)),
      remaining: 0,
      reset: retryAfterSeconds,
    },
  });
}

export function wants(webhook: MatchCandidate, event: Pick<PublishedEvent, 'type' | 'channel'>): boolean {
  if (webhook.channel !== null && webhook.channel !== event.channel) return false;
  return matchesEventType(webhook.eventTypes, event.type);
}

/** Length-prefixed parts, so that no two different events run together to the same bytes. Types have no case. */
function bodyHash({ type, source, eventTime, channel, payloadText }: PublishedEvent): Buffer {
  const hash = createHash('sha256');
  for (const part of [type.toLowerCase(), source, eventTime?.toISOString() ?? null, channel, payloadText]) {
    hash.update(part === null ? '-;' : `${Buffer.byteLength(part)}:${part};`);
  }
  return hash.digest();
}

async function repeated(deps: AcceptDeps, event: NewEvent, ownId: boolean): Promise<AcceptedEvent> {
  const before = await deps.events.findAccepted(event.tenantId, event.id, event.idempotencyKey);
  if (!before) throw new EverhookError('UNAVAILABLE', `event ${event.id} vanished while it was repeated`);
  return asBefore(before, event, ownId);
}

function asBefore(before: StoredEvent, event: NewEvent, ownId: boolean): AcceptedEvent {
  if (!isSame(before, event, ownId)) {
    const code = before.id === event.id ? 'EVENT_ID_CONFLICT' : 'IDEMPOTENCY_CONFLICT';
    throw new EverhookError(code, `event ${before.id} has other content`, {
      field: before.id === event.id ? 'id' : 'Idempotency-Key',
    });
  }
  return { eventId: before.id, deliveryIds: before.deliveryIds, queued: before.queued };
}

/** Under the same key a made-up id differs each time and means nothing; the producer's own id must not. */
function isSame(before: StoredEvent, event: NewEvent, ownId: boolean): boolean {
  if (!before.bodyHash.equals(event.bodyHash)) return false;
  return before.id === event.id || !ownId;
}

function toClaimed(event: NewEvent, webhook: MatchCandidate, deliveryId: string): ClaimedDelivery {
  return {
    id: deliveryId,
    tenantId: event.tenantId,
    webhookId: webhook.id,
    eventId: event.id,
    eventType: event.type,
    replayNo: 0,
    started: false,
    url: webhook.url,
    retryPolicy: webhook.retryPolicy,
    timeoutMs: webhook.timeoutMs,
    ttlSeconds: webhook.ttlSeconds,
    healthy: webhook.healthy,
    direct: webhook.lane === 'direct',
    traceparent: event.traceparent,
  };
}
