/** POST /v1/deliveries/:id/cancel: ends one that has not ended. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { errors, IdParams, NoBody } from '../../schemas/common';
import { DeliveryView, toDeliveryView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'cancelDelivery',
  summary: 'Cancel a delivery',
  params: IdParams,
  body: NoBody,
  response: { 202: Envelope(DeliveryView), ...errors(409) },
};

export function cancelDelivery(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/deliveries/:id/cancel', options, async (request, reply) => {
    const change = { tenantId: tenantOf(request), deliveryId: request.params.id, actor: actorOf(request) };
    const delivery = await ctx.deliveryControl.cancel(change);
    return reply.code(202).send(ok(toDeliveryView(delivery)));
  });
}
