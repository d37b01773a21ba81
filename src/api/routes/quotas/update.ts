/** PATCH /v1/quotas/:tenant_id: the admin changes what a tenant may use. */
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { QuotaChange, QuotaParams, quotaTenantOf, QuotaView, toLimits, toQuotaView } from '../../schemas/quota';

const schema = {
  operationId: 'updateQuota',
  summary: "Change a tenant's quotas",
  description: 'What is there already stays, also beyond a limit that was lowered.',
  params: QuotaParams,
  body: QuotaChange,
  response: { 200: Envelope(QuotaView) },
};

export function updateQuotas(app: App, ctx: ApiContext): void {
  app.patch('/quotas/:tenant_id', { schema, config: { access: 'admin' } }, async (request) => {
    const tenantId = quotaTenantOf(request.principal, request.params.tenant_id);
    await ctx.quotas.update(tenantId, toLimits(request.body), actorOf(request));
    return ok(toQuotaView(tenantId, await ctx.quotas.get(tenantId)));
  });
}
