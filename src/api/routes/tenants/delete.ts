/** DELETE /v1/tenants/:id: its credentials and keys stop working, its webhooks are deleted with it. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { TenantParams } from '../../schemas/tenant';

const schema = {
  operationId: 'deleteTenant',
  summary: 'Delete a tenant',
  params: TenantParams,
  response: { 204: Type.Null() },
};

export function deleteTenant(app: App, ctx: ApiContext): void {
  app.delete('/tenants/:id', { schema, config: { access: 'admin' } }, async (request, reply) => {
    await ctx.tenants.delete(request.params.id, actorOf(request));
    return reply.code(204).send(null);
  });
}
