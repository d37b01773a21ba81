/** Changes a webhook's state for somebody who asked for it in the Temporal UI. */
import type { StateChange, StateChanged } from '../src/store/webhook-state';
import type { ChangeStateInput, ChangeStateResult } from '../src/temporal/contracts';
import { refusing, temporalUi } from './temporal-ui';

export interface ChangeStateDeps {
  changeState(change: StateChange): Promise<StateChanged>;
}

/** Safe to repeat: a webhook that is in that state already stays as it is. @throws ApplicationFailure when refused */
export async function changeState(deps: ChangeStateDeps, input: ChangeStateInput): Promise<ChangeStateResult> {
  const { tenant_id: tenantId, webhook_id: webhookId, action, reason } = input;
  const change = { tenantId, webhookId, action, reason: reason ?? 'manual', actor: temporalUi };
  const { state, changed } = await refusing(() => deps.changeState(change));
  return { state, changed };
}
