/** DELETE /v1/keys/:id: revokes the key; within two seconds every process refuses it. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';

const schema = {
  operationId: 'deleteKey',
  summary: 'Revoke an API key',
  params: IdParams,
  response: { 204: Type.Null() },
};

export function deleteKey(app: App, ctx: ApiContext): void {
  app.delete('/keys/:id', { schema, config: { access: 'token' } }, async (request, reply) => {
    await ctx.apiKeys.revoke(tenantOf(request), request.params.id, actorOf(request));
    return reply.code(204).send(null);
  });
}
