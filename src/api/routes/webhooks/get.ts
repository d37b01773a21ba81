/** GET /v1/webhooks/:id. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { errors, IdParams } from '../../schemas/common';
import { toWebhookView, WebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';

const schema = {
  summary: 'Read a webhook',
  params: IdParams,
  response: { 200: Envelope(WebhookView), ...errors(401, 403, 404, 503) },
};

export function getWebhook(app: App, ctx: ApiContext): void {
  app.get('/webhooks/:id', { schema, config: { access: { scope: 'read:webhooks' } } }, async (request) =>
    ok(toWebhookView(await ctx.webhooks.get(tenantOf(request), request.params.id))),
  );
}
