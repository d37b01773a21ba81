/**
 * POST /v1/events: an event on its way to every webhook that wants it. What is answered with 202 is
 * committed; the payload is kept as the text it came in.
 */
import { Type } from 'typebox';
import { EverhookError, invalidField } from '../../../domain/errors';
import { isOperationalType } from '../../../domain/event-type';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { memberText } from '../../json-text';
import { requireOwnTenant } from '../../principal';
import { dateOf, errors, EventId, EventType, Text, Timestamp, Ulid } from '../../schemas/common';
import type { ApiContext } from '../../context';

const schema = {
  summary: 'Publish an event',
  body: Type.Object(
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
    { additionalProperties: false },
  ),
  headers: Type.Object({
    'idempotency-key': Type.Optional(Text(255, { minLength: 1 })),
  }),
  response: {
    202: Envelope(
      Type.Object({
        id: Type.String(),
        event_id: Type.String(),
        message: Type.String(),
        webhooks_queued: Type.Integer(),
        delivery_ids: Type.Array(Ulid),
      }),
    ),
    ...errors(400, 401, 403, 409, 413, 415, 503),
  },
};

export function publishEvent(app: App, ctx: ApiContext): void {
  const options = {
    schema,
    bodyLimit: ctx.config.MAX_EVENT_BYTES,
    config: { access: { scope: 'write:events' } },
  } as const;
  app.post('/events', options, async (request, reply) => {
    const { body } = request;
    const tenantId = requireOwnTenant(request, body.tenant_id);
    const payloadText = memberText(request.bodyText, 'payload');
    if (payloadText === undefined) throw invalidField('payload', 'payload is required.');

    const accepted = await ctx.acceptEvent({
      tenantId,
      id: body.id,
      type: typeOf(body),
      source: body.source ?? null,
      eventTime: dateOf('event_time', body.event_time) ?? null,
      channel: body.channel ?? null,
      payloadText,
      // The producer's own id says the same and says it for ever.
      idempotencyKey: body.id === undefined ? (request.headers['idempotency-key'] ?? null) : null,
    });
    return reply.code(202).send(
      ok({
        id: accepted.eventId,
        event_id: accepted.eventId,
        message: 'Event accepted for processing.',
        webhooks_queued: accepted.deliveryIds.length,
        delivery_ids: accepted.deliveryIds,
      }),
    );
  });
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
