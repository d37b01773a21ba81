/** Tells of a change of state that is committed: the log, and the control workflow of the webhook. */
import type { Actor } from '../../../store/audit';
import type { Webhook } from '../../../store/webhooks';
import { webhookStateChanged, type Telemetry } from '../../../telemetry/events';
import type { ApiContext } from '../../context';

export interface StateChangedDeps {
  readonly telemetry: Telemetry;
  readonly control: ApiContext['control'];
}

export function tellStateChanged({ telemetry, control }: StateChangedDeps, webhook: Webhook, actor: Actor): void {
  const { tenantId, id, state, stateReason } = webhook;
  control.poke({ tenantId, webhookId: id });
  webhookStateChanged(telemetry, {
    tenant_id: tenantId,
    webhook_id: id,
    state,
    reason: stateReason,
    actor: actor.name,
  });
}
