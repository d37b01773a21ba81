/** GET /v1/deliveries/:id. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { errors, IdParams } from '../../schemas/common';
import { DeliveryView, toDeliveryView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  summary: 'Read a delivery',
  params: IdParams,
  response: { 200: Envelope(DeliveryView), ...errors(401, 403, 404, 503) },
};

export function getDelivery(app: App, ctx: ApiContext): void {
  app.get('/deliveries/:id', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) =>
    ok(toDeliveryView(await ctx.deliveries.get(tenantOf(request), request.params.id))),
  );
}
