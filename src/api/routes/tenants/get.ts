/** GET /v1/tenants/:id. */
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { TenantParams, TenantView, toTenantView } from '../../schemas/tenant';

const schema = {
  operationId: 'getTenant',
  summary: 'Read a tenant',
  params: TenantParams,
  response: { 200: Envelope(TenantView) },
};

export function getTenant(app: App, ctx: ApiContext): void {
  app.get('/tenants/:id', { schema, config: { access: 'admin' } }, async (request) =>
    ok(toTenantView(await ctx.tenants.get(request.params.id))),
  );
}
