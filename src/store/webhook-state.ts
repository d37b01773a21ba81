/**
 * The one writer of a webhook's state. The API, the attempt and the control workflow all come here,
 * so that each change raises the version and leaves an audit row in the same transaction.
 */
import { EverhookError } from '../domain/errors';
import { targetStates, type StateAction, type WebhookState } from '../domain/webhook-state';
import { redactText } from '../telemetry/redact';
import { auditIdOf, writeAudit, type Actor } from './audit';
import { isUniqueViolation, sqlState } from './sql-errors';
import type { TenantTransaction } from './tenant-scope';

export interface StateChange {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly action: StateAction;
  /** `manual`, `gone`, `failing`, `dlq_full`, or what a person gave; at most 255 characters. */
  readonly reason: string | null;
  readonly actor: Actor;
  /** Whose repetition must change nothing, though others have changed the webhook since. */
  readonly request?: { readonly key: string; readonly askedAtMs: number } | undefined;
}

export interface StateChanged {
  readonly state: WebhookState;
  /** False when the webhook was in that state before; nothing was written then. */
  readonly changed: boolean;
}

const participles = { pause: 'paused', resume: 'resumed', disable: 'disabled', enable: 'enabled' } as const;

/** SQLSTATE that the trigger on webhook_configs raises. */
const tooManyActive = 'HK001';

/**
 * @throws NOT_FOUND without such a webhook, INVALID_STATE when its state does not allow the action,
 * MAX_WEBHOOKS_EXCEEDED when it would be one active webhook too many, and what `isRepeated` knows when the same
 * request was carried out before
 */
export async function changeWebhookState(tx: TenantTransaction, change: StateChange): Promise<StateChanged> {
  const { tenantId, webhookId, action, reason, actor, request } = change;
  const [row] = await tx.$queryRaw<{ state: WebhookState }[]>`
    SELECT state FROM hook.webhook_configs
    WHERE id = ${webhookId} AND tenant_id = ${tenantId} AND deleted_at IS NULL FOR UPDATE`;
  if (!row) throw new EverhookError('NOT_FOUND', `no webhook ${webhookId}`);

  const target = targetStates[action][row.state];
  if (target === undefined) {
    throw new EverhookError('INVALID_STATE', `cannot ${action} a webhook that is ${row.state}`, {
      publicMessage: `The webhook is ${row.state} and cannot be ${participles[action]}; enable it first.`,
    });
  }
  if (target === row.state) return { state: target, changed: false };

  // It is shown in Temporal and in operational events, and people write it.
  const shownReason = reason === null ? null : redactText(reason);
  await refusingOneTooMany(
    () => tx.$executeRaw`
      UPDATE hook.webhook_configs
      SET state = ${target}, state_reason = ${target === 'active' ? null : shownReason}, state_version = state_version + 1,
          consecutive_failures = CASE WHEN ${target} = 'active' THEN 0 ELSE consecutive_failures END,
          failing_since = CASE WHEN ${target} = 'active' THEN NULL ELSE failing_since END,
          state_changed_at = now(),
          last_disabled_at = CASE WHEN ${target} = 'disabled' THEN now() ELSE last_disabled_at END,
          updated_at = now()
      WHERE id = ${webhookId}`,
  );
  await writeAudit(tx, {
    tenantId,
    action: `webhook.${participles[action]}`,
    actor,
    target: `webhook:${webhookId}`,
    ...(request && { id: auditIdOf(request) }),
    details: { from: row.state, to: target, reason: shownReason },
  });
  return { state: target, changed: true };
}

/** Whether this error of a change says that the same request was carried out before. */
export function isRepeated(error: unknown, { request }: StateChange): boolean {
  return request !== undefined && isUniqueViolation(error);
}

/** Turns the database's refusal of one active webhook too many into the client's error. */
export async function refusingOneTooMany<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (sqlState(error) !== tooManyActive) throw error;
    throw new EverhookError('MAX_WEBHOOKS_EXCEEDED', 'quota of active webhooks reached', { cause: error });
  }
}
