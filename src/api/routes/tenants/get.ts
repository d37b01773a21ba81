/** GET /v1/tenants/:id. */
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { errors } from '../../schemas/common';
import { TenantParams, TenantView, toTenantView } from '../../schemas/tenant';

const schema = {
  summary: 'Read a tenant',
  params: TenantParams,
  response: { 200: Envelope(TenantView), ...errors(401, 403, 404, 503) },
};

export function getTenant(app: App, ctx: ApiContext): void {
  app.get('/tenants/:id', { schema, config: { access: 'admin' } }, async (request) =>
    ok(toTenantView(await ctx.tenants.get(request.params.id))),
  );
}
