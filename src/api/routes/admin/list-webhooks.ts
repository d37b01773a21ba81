/** GET /v1/admin/webhooks: the webhooks of all tenants, newest first. */
import { Type } from 'typebox';
import { OffsetPage, page } from '../../envelope';
import type { App } from '../../http';
import { offsetOf } from '../../pagination';
import { OffsetQuery, TenantId } from '../../schemas/common';
import { toWebhookView, WebhookStateView, WebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listAllWebhooks',
  summary: 'List the webhooks of all tenants',
  querystring: Type.Object(
    {
      ...OffsetQuery,
      tenant_id: Type.Optional(TenantId),
      state: Type.Optional(WebhookStateView),
      unhealthy: Type.Optional(
        Type.Boolean({ description: 'Those that Everhook itself paused or disabled, or that fail; or all others.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: { 200: OffsetPage(WebhookView) },
};

export function listAllWebhooks(app: App, ctx: ApiContext): void {
  app.get('/admin/webhooks', { schema, config: { access: 'admin' } }, async (request) => {
    const { tenant_id: tenantId, state, unhealthy, ...query } = request.query;
    const { limit, offset } = offsetOf(query);
    const { webhooks, total } = await ctx.allWebhooks.list({ tenantId, state, unhealthy, limit, offset });
    return page(webhooks.map(toWebhookView), { limit, offset, total });
  });
}
