/** PATCH /v1/webhooks/:id, and PUT, which is partial as well: changes what the body names. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, requireOwnTenant } from '../../principal';
import { errors, IdParams } from '../../schemas/common';
import { toWebhookView, WebhookChange, WebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';
import { checkPolicy, toSettings } from './settings';
import { tellStateChanged } from './state-changed';

const schema = {
  operationId: 'updateWebhook',
  summary: 'Change a webhook',
  params: IdParams,
  body: WebhookChange,
  response: { 200: Envelope(WebhookView), ...errors(422) },
};

export function updateWebhook(app: App, ctx: ApiContext): void {
  app.route({
    method: ['PATCH', 'PUT'],
    url: '/webhooks/:id',
    schema,
    config: { access: { scope: 'write:webhooks' } },
    handler: async (request) => {
      const { body, params } = request;
      const tenantId = requireOwnTenant(request, body.tenant_id);
      // Another tenant's webhook answers 404 before anything of the body is judged or sealed for it.
      await ctx.webhooks.get(tenantId, params.id);
      const settings = await toSettings(ctx, tenantId, params.id, body);
      const change = { settings, enabled: body.is_active, check: checkPolicy };
      const actor = actorOf(request);
      const { webhook, stateChanged } = await ctx.webhooks.update(tenantId, params.id, change, actor);
      if (stateChanged) tellStateChanged(ctx, webhook, actor);
      return ok(toWebhookView(webhook));
    },
  });
}
