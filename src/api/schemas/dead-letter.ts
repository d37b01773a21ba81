/** Dead letters as clients read and name them. */
import { Type, type Static } from 'typebox';
import { deadLetterReasons } from '../../domain/delivery-state';
import type { DeadLetter } from '../../store/dead-letters';
import { dateOf, Nullable, OffsetQuery, Timestamp, Ulid } from './common';

export const DeadLetterView = Type.Object({
  delivery_id: Ulid,
  webhook_id: Ulid,
  event_id: Type.String({ examples: ['order-4711'] }),
  event_type: Type.String({ examples: ['order.created'] }),
  reason: Type.Enum([...deadLetterReasons], { examples: ['EXHAUSTED'] }),
  last_error: Nullable(
    Type.String({ description: 'Of the last attempt.', examples: ['HTTP 503: Service Unavailable'] }),
  ),
  attempts: Type.Integer({ description: 'POSTs made over all replays.', examples: [6] }),
  created_at: Timestamp,
  dead_lettered_at: Timestamp,
});

export const DeliveryIdParams = Type.Object({ delivery_id: Ulid });

/** A page of them, by the time at which they became dead letters. */
export const DeadLetterSpan = {
  ...OffsetQuery,
  from: Type.Optional(Timestamp),
  to: Type.Optional(Timestamp),
};

/** @throws VALIDATION_ERROR */
export function spanOf(query: { from?: string; to?: string }): { from: Date | undefined; to: Date | undefined } {
  return { from: dateOf('from', query.from), to: dateOf('to', query.to) };
}

export function toDeadLetterView(deadLetter: DeadLetter): Static<typeof DeadLetterView> {
  return {
    delivery_id: deadLetter.deliveryId,
    webhook_id: deadLetter.webhookId,
    event_id: deadLetter.eventId,
    event_type: deadLetter.eventType,
    reason: deadLetter.reason,
    last_error: deadLetter.lastError,
    attempts: deadLetter.attempts,
    created_at: deadLetter.createdAt.toISOString(),
    dead_lettered_at: deadLetter.deadLetteredAt.toISOString(),
  };
}
