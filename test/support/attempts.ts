/** Making attempts by hand, as a workflow's activity would. */
import { randomUUID } from 'node:crypto';
import { delaysMs } from '../../src/domain/retry-policy';
import type { AttemptInput } from '../../src/temporal/contracts';
import type { TestSystem, TestTenant } from './system';

/** A published event's delivery, and the input of its first attempt. */
export async function publishedAttempt(
  system: TestSystem,
  tenant: TestTenant,
  webhook: Record<string, unknown>,
  event: Record<string, unknown> = {},
): Promise<AttemptInput> {
  const created = await system.createWebhook(tenant, webhook);
  // A type of its own, so that the tenant's other webhooks do not get the event.
  const [deliveryId = ''] = await system.publish(tenant, { type: webhook['event'] as string, ...event });
  return {
    delivery_id: deliveryId,
    tenant_id: tenant.id,
    webhook_id: created.id,
    run_id: randomUUID(),
    try: 1,
    at: new Date().toISOString(),
    trigger: 'initial',
    policy: { delays_ms: delaysMs('default'), timeout_ms: 1_000, ttl_ms: 86_400_000 },
    jitter: 0.5,
    started_replay_no: 0,
  };
}

let types = 0;

export function ownType(): string {
  return `type_${++types}`;
}
