/** 410 Gone: the receiver asks never to be called again, so its webhook is disabled. */
import { EverhookError } from '../domain/errors';
import type { PrismaClient } from '../store/generated/client';
import { transactionLimits } from '../store/tenant-scope';
import { changeWebhookState } from '../store/webhook-state';
import { webhookStateChanged, type Telemetry } from '../telemetry/events';

/** Safe to repeat: a webhook that is disabled or deleted stays as it is. */
export async function disableGoneWebhook(
  { telemetry, workerPrisma }: { telemetry: Telemetry; workerPrisma: PrismaClient },
  tenantId: string,
  webhookId: string,
): Promise<void> {
  const change = { tenantId, webhookId, action: 'disable', reason: 'gone', actor: { name: 'everhook' } } as const;
  try {
    const { state, changed } = await workerPrisma.$transaction(
      (tx) => changeWebhookState(tx, change),
      transactionLimits,
    );
    if (!changed) return;
    webhookStateChanged(telemetry, {
      tenant_id: tenantId,
      webhook_id: webhookId,
      state,
      reason: change.reason,
      actor: change.actor.name,
    });
  } catch (error) {
    if (error instanceof EverhookError && error.code === 'NOT_FOUND') return;
    throw error;
  }
}
