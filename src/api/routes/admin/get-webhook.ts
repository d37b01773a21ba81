/** GET /v1/admin/webhooks/:id: a webhook of whatever tenant, and how it has fared in the last 24 hours. */
import { Type } from 'typebox';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { IdParams, Nullable, Timestamp } from '../../schemas/common';
import { toWebhookView, WebhookView } from '../../schemas/webhook';
import { StatsView, toStatsView } from '../../schemas/webhook-stats';
import type { ApiContext } from '../../context';

const dayMs = 24 * 60 * 60 * 1000;

const schema = {
  operationId: 'getAnyWebhook',
  summary: 'Read a webhook of any tenant',
  params: IdParams,
  response: {
    200: Envelope(
      Type.Object({
        ...WebhookView.properties,
        tenant_name: Type.String({ examples: ['Acme'] }),
        consecutive_failures: Type.Integer({
          description: 'Attempts that have failed since the last one that succeeded.',
        }),
        failing_since: Nullable(Timestamp, { examples: [null] }),
        stats: StatsView,
      }),
    ),
  },
};

export function getAnyWebhook(app: App, ctx: ApiContext): void {
  app.get('/admin/webhooks/:id', { schema, config: { access: 'admin' } }, async (request) => {
    const { webhook, health } = await ctx.allWebhooks.get(request.params.id);
    const stats = await ctx.webhookStats(webhook.tenantId, webhook.id, new Date(Date.now() - dayMs));
    return ok({
      ...toWebhookView(webhook),
      tenant_name: health.tenantName,
      consecutive_failures: health.consecutiveFailures,
      failing_since: health.failingSince?.toISOString() ?? null,
      stats: toStatsView(stats),
    });
  });
}
