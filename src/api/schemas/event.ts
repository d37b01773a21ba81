/** Events as producers send them and as clients read them. */
import { Type, type Static } from 'typebox';
import { EverhookError, invalidField } from '../../domain/errors';
import { isOperationalType } from '../../domain/event-type';
import type { AcceptedEvent, PublishedEvent } from '../../outbox/accept';
import type { Event } from '../../store/event-lists';
import { memberText } from '../json-text';
import { dateOf, EventId, EventType, Nullable, Text, Timestamp, Ulid } from './common';

export const NewEvent = Type.Object(
  {
    type: Type.Optional(EventType),
    event: Type.Optional(EventType),
    payload: Type.Unknown({ description: 'Any JSON value; delivered byte for byte.' }),
    id: Type.Optional(EventId),
    event_time: Type.Optional(Timestamp),
    source: Type.Optional(Text(255)),
    channel: Type.Optional(Text(255, { minLength: 1 })),
    tenant_id: Type.Optional(Type.String({ description: "Your own tenant's id; may be left out." })),
  },
  {
    additionalProperties: false,
    examples: [{ type: 'order.created', id: 'order-4711', payload: { order: 4711, total: '19.90' } }],
  },
);

const acceptedMessage = 'Event accepted for processing.';

export const AcceptedView = Type.Object({
  id: Type.String({ examples: ['order-4711'] }),
  event_id: Type.String({ examples: ['order-4711'] }),
  message: Type.String({ examples: [acceptedMessage] }),
  webhooks_queued: Type.Integer({ description: 'Deliveries that are queued; a full queue takes none.', examples: [1] }),
  delivery_ids: Type.Array(Ulid, { description: 'Also of those that a full queue made dead letters.' }),
});

export const EventView = Type.Object({
  id: Type.String({ examples: ['order-4711'] }),
  type: Type.String({ examples: ['order.created'] }),
  source: Nullable(Type.String({ examples: ['shop'] })),
  channel: Nullable(Type.String(), { examples: [null] }),
  event_time: Nullable(Timestamp),
  created_at: Timestamp,
});

/**
 * @param text of the event in the request, which its payload is cut out of
 * @param idempotencyKey counts only when the event has no id: that says the same and says it for ever
 * @throws VALIDATION_ERROR for what the schema cannot tell
 */
export function toPublished(
  tenantId: string,
  event: Static<typeof NewEvent>,
  text: string,
  idempotencyKey: string | null,
): PublishedEvent {
  const payloadText = memberText(text, 'payload');
  if (payloadText === undefined) throw invalidField('payload', 'payload is required.');
  return {
    tenantId,
    id: event.id,
    type: typeOf(event),
    source: event.source ?? null,
    eventTime: dateOf('event_time', event.event_time) ?? null,
    channel: event.channel ?? null,
    payloadText,
    idempotencyKey: event.id === undefined ? idempotencyKey : null,
  };
}

export function toAcceptedView({ eventId, deliveryIds, queued }: AcceptedEvent): Static<typeof AcceptedView> {
  return {
    id: eventId,
    event_id: eventId,
    message: acceptedMessage,
    webhooks_queued: queued,
    delivery_ids: deliveryIds,
  };
}

export function toEventView(event: Event): Static<typeof EventView> {
  return {
    id: event.id,
    type: event.type,
    source: event.source,
    channel: event.channel,
    event_time: event.eventTime?.toISOString() ?? null,
    created_at: event.createdAt.toISOString(),
  };
}

function typeOf({ type, event }: { type?: string; event?: string }): string {
  if (type !== undefined && event !== undefined) {
    throw invalidField('event', 'event is another name of type; send one of them.');
  }
  const eventType = type ?? event;
  if (eventType === undefined) throw invalidField('type', 'type is required.');
  if (isOperationalType(eventType)) {
    throw new EverhookError('VALIDATION_ERROR', 'operational type', {
      field: type === undefined ? 'event' : 'type',
      publicMessage: 'Types that begin with everhook. are published by Everhook only; choose another.',
    });
  }
  return eventType;
}
