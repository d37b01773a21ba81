/** Changes a webhook's state for somebody who asked for it in the Temporal UI. */
import { Context } from '@temporalio/activity';
import type { StateChange, StateChanged } from '../src/store/webhook-state';
import type { ChangeStateInput, ChangeStateResult } from '../src/temporal/contracts';
import { refusing, temporalUi } from './temporal-ui';

export interface ChangeStateDeps {
  changeState(change: StateChange): Promise<StateChanged>;
}

/**
 * Safe to repeat: a request that was carried out stays carried out, whatever somebody else has made of the webhook
 * since.
 *
 * @throws ApplicationFailure when refused
 */
export async function changeState(deps: ChangeStateDeps, input: ChangeStateInput): Promise<ChangeStateResult> {
  const { tenant_id: tenantId, webhook_id: webhookId, action, reason } = input;
  const request =
    input.request_key === undefined
      ? undefined
      : { key: input.request_key, askedAtMs: Context.current().info.scheduledTimestampMs };
  const change = { tenantId, webhookId, action, reason: reason ?? 'manual', actor: temporalUi, request };
  const { state, changed } = await refusing(() => deps.changeState(change));
  return { state, changed };
}
