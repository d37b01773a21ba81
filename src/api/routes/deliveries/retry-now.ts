/** POST /v1/deliveries/:id/retry-now: ends the pause before its next attempt. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { errors, IdParams, NoBody } from '../../schemas/common';
import { DeliveryView, toDeliveryView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'retryDeliveryNow',
  summary: 'Make the next attempt of a delivery now',
  params: IdParams,
  body: NoBody,
  response: { 202: Envelope(DeliveryView), ...errors(409) },
};

export function retryDeliveryNow(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/deliveries/:id/retry-now', options, async (request, reply) => {
    const delivery = await ctx.deliveryControl.retryNow(tenantOf(request), request.params.id);
    return reply.code(202).send(ok(toDeliveryView(delivery)));
  });
}
