/** GET /v1/admin/overview: how all tenants together are doing. */
import { Type } from 'typebox';
import { maxCount, openStatuses } from '../../../store/overview';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { Nullable, Timestamp } from '../../schemas/common';
import { WebhookStateView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';

const Count = (description: string) =>
  Type.Integer({ maximum: maxCount, description: `${description} ${maxCount} stands for that many or more.` });

const OverviewView = Type.Object({
  tenants: Count('Tenants that were not deleted.'),
  webhooks: Type.Object({
    by_state: Type.Record(WebhookStateView, Count('Webhooks in this state.')),
    unhealthy: Count('Paused or disabled by Everhook itself, or failing.'),
  }),
  events_last_24h: Count('Events accepted since 24 hours ago.'),
  backlog: Type.Object({
    by_status: Type.Record(Type.Enum([...openStatuses]), Count('Deliveries in this status.')),
    oldest_created_at: Nullable(Timestamp),
    oldest_age_seconds: Nullable(
      Type.Integer({ description: 'Of the oldest open delivery; one that was replayed counts from its creation.' }),
    ),
  }),
  dead_letters: Count('Dead letters that nobody has resolved.'),
});

const schema = {
  operationId: 'getOverview',
  summary: 'Read how all tenants together are doing',
  response: { 200: Envelope(OverviewView) },
};

export function adminOverview(app: App, ctx: ApiContext): void {
  app.get('/admin/overview', { schema, config: { access: 'admin' } }, async () => {
    const overview = await ctx.overview();
    const oldest = overview.oldestOpenAt;
    return ok({
      tenants: overview.tenants,
      webhooks: { by_state: overview.webhooks, unhealthy: overview.unhealthyWebhooks },
      events_last_24h: overview.events,
      backlog: {
        by_status: overview.backlog,
        oldest_created_at: oldest?.toISOString() ?? null,
        oldest_age_seconds: oldest && Math.max(0, Math.floor((Date.now() - oldest.getTime()) / 1000)),
      },
      dead_letters: overview.deadLetters,
    });
  });
}
