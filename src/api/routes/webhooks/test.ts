/** POST /v1/webhooks/:id/test: one real delivery to this webhook, whatever its event types. */
import { Type } from 'typebox';
import { rateLimited } from '../../../domain/rate-limit';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { memberText } from '../../json-text';
import { emptyBodyByDefault } from '../../optional-body';
import { tenantOf } from '../../principal';
import { errors, EventType, IdParams, Ulid } from '../../schemas/common';
import type { ApiContext } from '../../context';

const message = 'Test delivery queued.';
const defaultType = 'everhook.test';
const defaultPayloadText = '{"message": "Hello from Everhook"}';

const TestEvent = Type.Object(
  {
    type: Type.Optional(EventType),
    payload: Type.Optional(Type.Unknown({ description: 'Any JSON value; delivered byte for byte.' })),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'May be left out as a whole.',
    examples: [{ type: 'order.created', payload: { order: 4711 } }],
  },
);

const schema = {
  operationId: 'testWebhook',
  summary: 'Send a test delivery',
  params: IdParams,
  body: TestEvent,
  response: {
    202: Envelope(
      Type.Object({
        message: Type.String({ examples: [message] }),
        delivery_id: Ulid,
        event_id: Ulid,
        event_type: Type.String({ examples: [defaultType] }),
      }),
    ),
    ...errors(409),
  },
};

export function testWebhook(app: App, ctx: ApiContext): void {
  const options = {
    schema,
    bodyLimit: ctx.config.MAX_EVENT_BYTES,
    config: { access: { scope: 'write:webhooks' }, publishes: true },
    preValidation: emptyBodyByDefault,
  } as const;
  app.post('/webhooks/:id/test', options, async (request, reply) => {
    const tenantId = tenantOf(request);
    const { refusal } = await ctx.takeEvents(tenantId, 1);
    if (refusal) throw rateLimited(refusal, 'events a second');
    const webhook = await ctx.webhooks.get(tenantId, request.params.id);
    const type = request.body.type ?? defaultType;
    const { bodyText } = request;
    const payloadText = (bodyText === '' ? undefined : memberText(bodyText, 'payload')) ?? defaultPayloadText;
    const { eventId, deliveryId } = await ctx.acceptTest({ tenantId, webhookId: webhook.id, type, payloadText });
    const data = { message, delivery_id: deliveryId, event_id: eventId, event_type: type };
    return reply.code(202).send(ok(data));
  });
}
