/** GET /v1/webhooks/:id. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import { toWebhookView, WebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'getWebhook',
  summary: 'Read a webhook',
  params: IdParams,
  response: { 200: Envelope(WebhookView) },
};

export function getWebhook(app: App, ctx: ApiContext): void {
  app.get('/webhooks/:id', { schema, config: { access: { scope: 'read:webhooks' } } }, async (request) =>
    ok(toWebhookView(await ctx.webhooks.get(tenantOf(request), request.params.id))),
  );
}
