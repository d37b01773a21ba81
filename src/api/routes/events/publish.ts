/**
 * POST /v1/events: an event on its way to every webhook that wants it. What is answered with 202 is
 * committed; the payload is kept as the text it came in.
 */
import { Type } from 'typebox';
import { rateLimited } from '../../../domain/rate-limit';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { requireOwnTenant } from '../../principal';
import { errors, Text } from '../../schemas/common';
import { AcceptedView, NewEvent, toAcceptedView, toPublished } from '../../schemas/event';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'publishEvent',
  summary: 'Publish an event',
  body: NewEvent,
  headers: Type.Object({
    'idempotency-key': Type.Optional(Text(255, { minLength: 1 })),
  }),
  response: { 202: Envelope(AcceptedView), ...errors(409) },
};

export function publishEvent(app: App, ctx: ApiContext): void {
  const options = {
    schema,
    bodyLimit: ctx.config.MAX_EVENT_BYTES,
    config: { access: { scope: 'write:events' }, publishes: true },
  } as const;
  app.post('/events', options, async (request, reply) => {
    const { body, bodyText, headers } = request;
    const tenantId = requireOwnTenant(request, body.tenant_id);
    const event = toPublished(tenantId, body, bodyText, headers['idempotency-key'] ?? null);
    const { refusal } = await ctx.takeEvents(tenantId, 1);
    if (refusal) throw rateLimited(refusal, 'events a second');
    return reply.code(202).send(ok(toAcceptedView(await ctx.acceptEvent(event))));
  });
}
