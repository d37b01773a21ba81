/** PATCH /v1/tenants/:id: gives a tenant another name. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { errors, Text } from '../../schemas/common';
import { TenantParams, TenantView, toTenantView } from '../../schemas/tenant';

const schema = {
  summary: 'Rename a tenant',
  params: TenantParams,
  body: Type.Object({ name: Text(255, { minLength: 1 }) }, { additionalProperties: false }),
  response: { 200: Envelope(TenantView), ...errors(400, 401, 403, 404, 413, 415, 503) },
};

export function updateTenant(app: App, ctx: ApiContext): void {
  app.patch('/tenants/:id', { schema, config: { access: 'admin' } }, async (request) =>
    ok(toTenantView(await ctx.tenants.rename(request.params.id, request.body.name, actorOf(request)))),
  );
}
