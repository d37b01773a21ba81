/** GET /v1/quotas/:tenant_id: what a tenant may use, and what it uses now. */
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { QuotaParams, quotaTenantOf, QuotaView, toQuotaView } from '../../schemas/quota';

const schema = {
  operationId: 'getQuota',
  summary: "Read a tenant's quotas",
  params: QuotaParams,
  response: { 200: Envelope(QuotaView) },
};

export function getQuotas(app: App, ctx: ApiContext): void {
  app.get('/quotas/:tenant_id', { schema, config: { access: { scope: 'read:quotas' } } }, async (request) => {
    const tenantId = quotaTenantOf(request.principal, request.params.tenant_id);
    return ok(toQuotaView(tenantId, await ctx.quotas.get(tenantId)));
  });
}
