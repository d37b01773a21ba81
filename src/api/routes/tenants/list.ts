/** GET /v1/tenants: every tenant, newest first. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import { OffsetPage, page } from '../../envelope';
import type { App } from '../../http';
import { offsetOf } from '../../pagination';
import { OffsetQuery } from '../../schemas/common';
import { TenantView, toTenantView } from '../../schemas/tenant';

const schema = {
  operationId: 'listTenants',
  summary: 'List tenants',
  querystring: Type.Object(OffsetQuery, { additionalProperties: false }),
  response: { 200: OffsetPage(TenantView) },
};

export function listTenants(app: App, ctx: ApiContext): void {
  app.get('/tenants', { schema, config: { access: 'admin' } }, async (request) => {
    const { limit, offset } = offsetOf(request.query);
    const { tenants, total } = await ctx.tenants.list({ limit, offset });
    return page(tenants.map(toTenantView), { limit, offset, total });
  });
}
