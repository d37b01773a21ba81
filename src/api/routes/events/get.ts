/**
 * GET /v1/events/:id: the event, its payload as the text it came in, and its newest deliveries.
 * Printed by hand: a payload that is parsed and printed again would be another text.
 */
import { Type, type Static } from 'typebox';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { EventId } from '../../schemas/common';
import { DeliveryView, toDeliveryView } from '../../schemas/delivery';
import { EventView, toEventView } from '../../schemas/event';
import type { ApiContext } from '../../context';

/** `GET /v1/deliveries?event_id=` has them all. */
const maxDeliveries = 100;

const EventWithDeliveries = Type.Object({
  ...EventView.properties,
  deliveries: Type.Array(DeliveryView, { description: `The newest ${maxDeliveries}.` }),
});

const schema = {
  operationId: 'getEvent',
  summary: 'Read an event',
  params: Type.Object({ id: EventId }),
  response: {
    200: Envelope(
      Type.Object({
        ...EventWithDeliveries.properties,
        payload: Type.Unknown({
          description: 'Byte for byte as it was published.',
          examples: [{ order: 4711, total: '19.90' }],
        }),
      }),
    ),
  },
};

export function getEvent(app: App, ctx: ApiContext): void {
  app.get('/events/:id', { schema, config: { access: { scope: 'read:events' } } }, async (request, reply) => {
    const tenantId = tenantOf(request);
    const { id } = request.params;
    const { payloadText, ...event } = await ctx.events.get(tenantId, id);
    const deliveries = await ctx.deliveries.list(tenantId, { eventId: id, limit: maxDeliveries });
    const view = { ...toEventView(event), deliveries: deliveries.slice(0, maxDeliveries).map(toDeliveryView) };
    return reply
      .type('application/json; charset=utf-8')
      .serializer(String)
      .send(withPayload(view, payloadText) as never);
  });
}

function withPayload(view: Static<typeof EventWithDeliveries>, payloadText: string): string {
  const { data, ...rest } = ok(view);
  return `{"data":${JSON.stringify(data).slice(0, -1)},"payload":${payloadText}},${JSON.stringify(rest).slice(1)}`;
}
