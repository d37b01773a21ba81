/** How a webhook has fared, as clients read it. */
import { Type, type Static } from 'typebox';
import type { WebhookStats } from '../../store/webhook-stats';
import { Nullable, Timestamp } from './common';
import { Status } from './delivery';

export const StatsView = Type.Object({
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

export function toStatsView(stats: WebhookStats): Static<typeof StatsView> {
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
