/** DELETE /v1/webhooks/:id: its open deliveries end CANCELLED; its attempts stay readable. */
import { Type } from 'typebox';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'deleteWebhook',
  summary: 'Delete a webhook',
  params: IdParams,
  response: { 204: Type.Null() },
};

export function deleteWebhook(app: App, ctx: ApiContext): void {
  app.delete('/webhooks/:id', { schema, config: { access: { scope: 'write:webhooks' } } }, async (request, reply) => {
    const tenantId = tenantOf(request);
    const { id } = request.params;
    await ctx.webhooks.delete(tenantId, id, actorOf(request));
    ctx.control.poke({ tenantId, webhookId: id });
    return reply.code(204).send(null);
  });
}
