/** PATCH /v1/tenants/:id: gives a tenant another name. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { TenantName, TenantParams, TenantView, toTenantView } from '../../schemas/tenant';

const schema = {
  operationId: 'updateTenant',
  summary: 'Rename a tenant',
  params: TenantParams,
  body: Type.Object({ name: TenantName }, { additionalProperties: false }),
  response: { 200: Envelope(TenantView) },
};

export function updateTenant(app: App, ctx: ApiContext): void {
  app.patch('/tenants/:id', { schema, config: { access: 'admin' } }, async (request) =>
    ok(toTenantView(await ctx.tenants.rename(request.params.id, request.body.name, actorOf(request)))),
  );
}
