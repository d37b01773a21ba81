/** GET /v1/webhooks/:id/stats: how its deliveries have gone lately. */
import { Type } from 'typebox';
import { invalidField } from '../../../domain/errors';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { dateOf, IdParams } from '../../schemas/common';
import { StatsView, toStatsView } from '../../schemas/webhook-stats';
import type { ApiContext } from '../../context';

const dayMs = 24 * 60 * 60 * 1000;
const maxDays = 30;

const schema = {
  operationId: 'getWebhookStats',
  summary: 'Read how a webhook has fared',
  params: IdParams,
  querystring: Type.Object(
    {
      since: Type.Optional(
        Type.String({
          format: 'date-time',
          description: 'At most 30 days ago; 24 hours by default.',
          examples: ['2026-01-31T12:00:00Z'],
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: { 200: Envelope(StatsView) },
};

export function webhookStats(app: App, ctx: ApiContext): void {
  app.get('/webhooks/:id/stats', { schema, config: { access: { scope: 'read:webhooks' } } }, async (request) => {
    const tenantId = tenantOf(request);
    const since = sinceOf(request.query.since);
    const { id } = await ctx.webhooks.get(tenantId, request.params.id);
    return ok(toStatsView(await ctx.webhookStats(tenantId, id, since)));
  });
}

function sinceOf(given: string | undefined): Date {
  const since = dateOf('since', given) ?? new Date(Date.now() - dayMs);
  // A minute more, so that "30 days ago" by the caller's clock is not too early when it arrives.
  if (since.getTime() < Date.now() - maxDays * dayMs - 60_000) {
    throw invalidField('since', `since must be at most ${maxDays} days ago.`);
  }
  return since;
}
