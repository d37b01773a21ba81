/** POST /v1/deliveries/:id/replay: sends one that has ended again, under its own id. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { errors, IdParams, NoBody } from '../../schemas/common';
import { DeliveryView, toDeliveryView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'replayDelivery',
  summary: 'Replay a delivery that has ended',
  params: IdParams,
  body: NoBody,
  response: { 202: Envelope(DeliveryView), ...errors(409) },
};

export function replayDelivery(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/deliveries/:id/replay', options, async (request, reply) => {
    const change = { tenantId: tenantOf(request), deliveryId: request.params.id, actor: actorOf(request) };
    const delivery = await ctx.deliveryControl.replay(change);
    return reply.code(202).send(ok(toDeliveryView(delivery)));
  });
}
