/** DELETE /v1/dlq/:delivery_id: the dead letter needs nothing more; it leaves the list and stays a delivery. */
import { Type } from 'typebox';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { DeliveryIdParams } from '../../schemas/dead-letter';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'resolveDeadLetter',
  summary: 'Resolve a dead letter',
  params: DeliveryIdParams,
  response: { 204: Type.Null() },
};

export function resolveDeadLetter(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.delete('/dlq/:delivery_id', options, async (request, reply) => {
    const { delivery_id: deliveryId } = request.params;
    await ctx.deliveryControl.resolve({ tenantId: tenantOf(request), deliveryId, actor: actorOf(request) });
    return reply.code(204).send(null);
  });
}
