/** Changes of a webhook's state that Everhook makes by itself, or that were asked for in Temporal. */
import type { WebhookIds } from '../domain/ids';
import type { PrismaClient } from '../store/generated/client';
import { transactionLimits, type TenantTransaction } from '../store/tenant-scope';
import { changeWebhookState, isRepeated, type StateChange, type StateChanged } from '../store/webhook-state';
import { webhookStateChanged, type Telemetry } from '../telemetry/events';

export interface ChangeStateDeps {
  readonly telemetry: Telemetry;
  readonly workerPrisma: PrismaClient;
  /** Tells the webhook's control workflow, which tells the deliveries that wait. */
  readonly poke: (webhook: WebhookIds) => void;
}

/**
 * @param stillDue asked in the transaction of the change, which is left out when it answers false
 * @returns undefined when it was left out
 * @throws NOT_FOUND, INVALID_STATE, MAX_WEBHOOKS_EXCEEDED
 */
export async function changeState(
  deps: ChangeStateDeps,
  change: StateChange,
  stillDue: (tx: TenantTransaction) => Promise<boolean>,
): Promise<StateChanged | undefined>;
export async function changeState(deps: ChangeStateDeps, change: StateChange): Promise<StateChanged>;
export async function changeState(
  deps: ChangeStateDeps,
  change: StateChange,
  stillDue?: (tx: TenantTransaction) => Promise<boolean>,
): Promise<StateChanged | undefined> {
  const answer = await deps.workerPrisma
    .$transaction(
      async (tx) => (stillDue && !(await stillDue(tx)) ? undefined : changeWebhookState(tx, change)),
      transactionLimits,
    )
    .catch((error: unknown) => {
      if (!isRepeated(error, change)) throw error;
      return stateNow(deps, change);
    });
  if (!answer?.changed) return answer;
  webhookStateChanged(deps.telemetry, {
    tenant_id: change.tenantId,
    webhook_id: change.webhookId,
    state: answer.state,
    reason: change.reason,
    actor: change.actor.name,
  });
  deps.poke(change);
  return answer;
}

/** Whatever it has become since the request was carried out. */
async function stateNow({ workerPrisma }: ChangeStateDeps, { webhookId }: StateChange): Promise<StateChanged> {
  const { state } = await workerPrisma.webhookConfig.findUniqueOrThrow({
    where: { id: webhookId },
    select: { state: true },
  });
  return { state: state as StateChanged['state'], changed: false };
}
