/** POST /v1/dlq/:delivery_id/retry: sends a dead letter again under its own delivery id. */
import { Type } from 'typebox';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { errors, NoBody, Ulid } from '../../schemas/common';
import { DeliveryIdParams } from '../../schemas/dead-letter';
import type { ApiContext } from '../../context';

const message = 'Delivery requeued';

const schema = {
  operationId: 'retryDeadLetter',
  summary: 'Replay a dead letter',
  params: DeliveryIdParams,
  body: NoBody,
  response: {
    202: Envelope(Type.Object({ message: Type.String({ examples: [message] }), delivery_id: Ulid })),
    ...errors(409),
  },
};

export function retryDeadLetter(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/dlq/:delivery_id/retry', options, async (request, reply) => {
    const { delivery_id: deliveryId } = request.params;
    const change = { tenantId: tenantOf(request), deliveryId, actor: actorOf(request) };
    await ctx.deliveryControl.replay(change, { deadLetterOnly: true });
    return reply.code(202).send(ok({ message, delivery_id: deliveryId }));
  });
}
