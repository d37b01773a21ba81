/**
 * Accepting events: find the webhooks that want one, commit the event and its deliveries, hand the
 * deliveries to the outbox. The same event again is answered as before and sent nowhere twice.
 */
import { createHash } from 'node:crypto';
import { EverhookError } from '../domain/errors';
import { matchesEventType } from '../domain/event-type';
import { newId } from '../domain/ids';
import type { ClaimedDelivery } from '../store/claims';
import type { Claim, Events, MatchCandidate, NewEvent, StoredEvent } from '../store/events';
import { eventAccepted, type Telemetry } from '../telemetry/events';

export interface PublishedEvent extends Omit<NewEvent, 'id' | 'bodyHash'> {
  /** The producer's own id; a ULID is made when it is left out. */
  readonly id: string | undefined;
}

export interface AcceptedEvent {
  readonly eventId: string;
  readonly deliveryIds: string[];
}

export interface AcceptDeps {
  readonly telemetry: Telemetry;
  readonly events: Events;
  readonly outbox: { readonly claim: Claim; handOver(deliveries: readonly ClaimedDelivery[]): void };
}

export type AcceptEvent = (event: PublishedEvent) => Promise<AcceptedEvent>;

/**
 * @throws EVENT_ID_CONFLICT, IDEMPOTENCY_CONFLICT when the id or key stands for other content, or the
 * database's error; nothing was written then
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

/** Accepts one event for these webhooks, whether they want it or not. */
export async function acceptFor(
  deps: AcceptDeps,
  published: PublishedEvent,
  webhooks: readonly MatchCandidate[],
): Promise<AcceptedEvent> {
  const event: NewEvent = { ...published, id: published.id ?? newId(), bodyHash: bodyHash(published) };
  const claimed = webhooks.map((webhook) => ({ webhook, deliveryId: newId() }));

  const fresh = await deps.events.accept(
    event,
    claimed.map(({ webhook, deliveryId }) => ({
      id: deliveryId,
      webhookId: webhook.id,
      ttlSeconds: webhook.ttlSeconds,
    })),
    deps.outbox.claim,
  );
  if (!fresh) return repeated(deps, event, published.id !== undefined);

  // Also for a paused webhook: its workflow parks itself.
  deps.outbox.handOver(claimed.map(({ webhook, deliveryId }) => toClaimed(event, webhook, deliveryId)));
  eventAccepted(deps.telemetry, {
    tenant_id: event.tenantId,
    event_id: event.id,
    event_type: event.type,
    webhooks_queued: claimed.length,
  });
  return { eventId: event.id, deliveryIds: claimed.map(({ deliveryId }) => deliveryId) };
}

function wants(webhook: MatchCandidate, event: PublishedEvent): boolean {
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
  if (!isSame(before, event, ownId)) {
    const code = before.id === event.id ? 'EVENT_ID_CONFLICT' : 'IDEMPOTENCY_CONFLICT';
    throw new EverhookError(code, `event ${before.id} has other content`, {
      field: before.id === event.id ? 'id' : 'Idempotency-Key',
    });
  }
  return { eventId: before.id, deliveryIds: before.deliveryIds };
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
  };
}
