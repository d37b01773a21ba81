/** GET /v1/webhooks/:id/stats: how its deliveries have gone lately. */
import { Type, type Static } from 'typebox';
import { invalidField } from '../../../domain/errors';
import type { WebhookStats } from '../../../store/webhook-stats';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { dateOf, IdParams, Nullable, Timestamp } from '../../schemas/common';
import { Status } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const dayMs = 24 * 60 * 60 * 1000;
const maxDays = 30;

const StatsView = Type.Object({
  since: Timestamp,
  by_status: Type.Record(Status, Type.Integer()),
  success_rate: Nullable(
    Type.Number({ description: 'Successes among those that succeeded or became dead letters.', examples: [0.998] }),
  ),
  duration_ms: Type.Object({
    p50: Nullable(Type.Integer({ examples: [84] })),
    p95: Nullable(Type.Integer({ examples: [310] })),
  }),
  queued: Type.Integer({ description: 'Deliveries that wait now.' }),
  in_flight: Type.Integer({ description: 'Deliveries under way now.' }),
  last_success_at: Nullable(Timestamp),
  last_failure_at: Nullable(Timestamp),
});

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

function toStatsView(stats: WebhookStats): Static<typeof StatsView> {
  const { SUCCESS: succeeded, DEAD_LETTER: dead } = stats.byStatus;
  return {
    since: stats.since.toISOString(),
    by_status: stats.byStatus,
    success_rate: succeeded + dead === 0 ? null : succeeded / (succeeded + dead),
    duration_ms: { p50: stats.p50, p95: stats.p95 },
    queued: stats.queued,
    in_flight: stats.inFlight,
    last_success_at: stats.lastSuccessAt?.toISOString() ?? null,
    last_failure_at: stats.lastFailureAt?.toISOString() ?? null,
  };
}
