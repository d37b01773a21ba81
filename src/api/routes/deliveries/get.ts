/** GET /v1/deliveries/:id. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import { DeliveryView, toDeliveryView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'getDelivery',
  summary: 'Read a delivery',
  params: IdParams,
  response: { 200: Envelope(DeliveryView) },
};

export function getDelivery(app: App, ctx: ApiContext): void {
  app.get('/deliveries/:id', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) =>
    ok(toDeliveryView(await ctx.deliveries.get(tenantOf(request), request.params.id))),
  );
}
