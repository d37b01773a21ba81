/**
 * A webhook whose attempts have all failed for days is paused: its deliveries are kept, and its receiver
 * and the workers are left in peace until somebody looks at it.
 */
import { changeState, type ChangeStateDeps } from './change-state';

/** Both must be reached: a webhook that is rarely called may fail for days without being broken. */
const failingDays = 5;
const failingAttempts = 20;

export interface FailureStreak {
  /** Attempts since the last success. */
  readonly consecutiveFailures: number;
  /** When the first of them failed. */
  readonly failingSince: Date | null;
}

/** As far as can be told without asking: one more failure may make the webhook a failing one. */
export function isNearlyFailing({ consecutiveFailures, failingSince }: FailureStreak): boolean {
  if (failingSince === null || consecutiveFailures + 1 < failingAttempts) return false;
  return Date.now() - failingSince.getTime() >= failingDays * 86_400_000;
}

/** Safe to repeat; a success in between keeps the webhook as it is. */
export async function pauseFailingWebhook(deps: ChangeStateDeps, tenantId: string, webhookId: string): Promise<void> {
  const change = { tenantId, webhookId, action: 'pause', reason: 'failing', actor: { name: 'everhook' } } as const;
  await changeState(deps, change, async (tx) => {
    const [failing] = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM hook.webhook_configs
      WHERE id = ${webhookId} AND state = 'active' AND deleted_at IS NULL
        AND consecutive_failures >= ${failingAttempts}
        AND failing_since <= now() - ${failingDays} * interval '1 day'
      FOR UPDATE`;
    return failing !== undefined;
  });
}
