/** Quotas as the API takes and shows them. */
import { Type, type Static } from 'typebox';
import { EverhookError } from '../../domain/errors';
import type { QuotaLimits, QuotaUsage } from '../../store/quotas';
import type { Principal } from '../principal';
import { TenantId } from './common';

const limit = (maximum: number, what: string) =>
  Type.Integer({ minimum: 1, maximum, description: `${what}; 1 to ${maximum}.` });

const Limits = {
  max_events_per_sec: limit(100_000, 'Events accepted within any second'),
  max_concurrent_deliveries: limit(100_000, 'Deliveries under way at one time'),
  max_dlq_size: limit(1_000_000, 'Dead letters that nobody has resolved'),
  max_active_webhooks: limit(100_000, 'Webhooks that are active or paused'),
};

export const QuotaParams = Type.Object({ tenant_id: TenantId });

export const QuotaChange = Type.Partial(Type.Object(Limits), {
  additionalProperties: false,
  minProperties: 1,
  description: `Name at least one of ${Object.keys(Limits).join(', ')}.`,
});

const Usage = Type.Object({
  events_sent: Type.Integer({ description: 'Events accepted within the last second.' }),
  concurrent_deliveries: Type.Integer({ description: 'POSTs in flight.' }),
  dlq_count: Type.Integer({ description: 'Dead letters that nobody has resolved.' }),
  active_webhooks: Type.Integer({ description: 'Webhooks that are active or paused.' }),
});

export const QuotaView = Type.Object({
  tenant_id: TenantId,
  limits: Type.Object(Limits),
  current_usage: Usage,
  remaining: Type.Object(
    Object.fromEntries(Object.keys(Limits).map((name) => [name, Type.Integer({ minimum: 0 })])) as Record<
      keyof typeof Limits,
      ReturnType<typeof Type.Integer>
    >,
    { description: 'By limit; 0 when as much or more is used.' },
  ),
});

/** One's own, and for the admin, whoever's unless the request is made in the name of another. @throws NOT_FOUND */
export function quotaTenantOf(principal: Principal | null, tenantId: string): string {
  const actsFor = principal?.tenantId ?? null;
  if (actsFor === tenantId || (principal?.kind === 'admin' && actsFor === null)) return tenantId;
  throw new EverhookError('NOT_FOUND', `quotas of ${tenantId} asked for by another tenant`);
}

export function toLimits(body: Static<typeof QuotaChange>): Partial<QuotaLimits> {
  return {
    ...(body.max_events_per_sec !== undefined && { maxEventsPerSec: body.max_events_per_sec }),
    ...(body.max_concurrent_deliveries !== undefined && { maxConcurrentDeliveries: body.max_concurrent_deliveries }),
    ...(body.max_dlq_size !== undefined && { maxDlqSize: body.max_dlq_size }),
    ...(body.max_active_webhooks !== undefined && { maxActiveWebhooks: body.max_active_webhooks }),
  };
}

export function toQuotaView(
  tenantId: string,
  { limits, usage }: { readonly limits: QuotaLimits; readonly usage: QuotaUsage },
): Static<typeof QuotaView> {
  return {
    tenant_id: tenantId,
    limits: {
      max_events_per_sec: limits.maxEventsPerSec,
      max_concurrent_deliveries: limits.maxConcurrentDeliveries,
      max_dlq_size: limits.maxDlqSize,
      max_active_webhooks: limits.maxActiveWebhooks,
    },
    current_usage: {
      events_sent: usage.eventsSent,
      concurrent_deliveries: usage.concurrentDeliveries,
      dlq_count: usage.dlqCount,
      active_webhooks: usage.activeWebhooks,
    },
    remaining: {
      max_events_per_sec: Math.max(0, limits.maxEventsPerSec - usage.eventsSent),
      max_concurrent_deliveries: Math.max(0, limits.maxConcurrentDeliveries - usage.concurrentDeliveries),
      max_dlq_size: Math.max(0, limits.maxDlqSize - usage.dlqCount),
      max_active_webhooks: Math.max(0, limits.maxActiveWebhooks - usage.activeWebhooks),
    },
  };
}
