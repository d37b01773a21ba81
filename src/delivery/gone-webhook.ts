/** 410 Gone: the receiver asks never to be called again, so its webhook is disabled. */
import { EverhookError } from '../domain/errors';
import { changeState, type ChangeStateDeps } from './change-state';

/** Safe to repeat: a webhook that is disabled or deleted stays as it is. */
export async function disableGoneWebhook(deps: ChangeStateDeps, tenantId: string, webhookId: string): Promise<void> {
  const change = { tenantId, webhookId, action: 'disable', reason: 'gone', actor: { name: 'everhook' } } as const;
  try {
    await changeState(deps, change);
  } catch (error) {
    if (!(error instanceof EverhookError) || error.code !== 'NOT_FOUND') throw error;
  }
}
