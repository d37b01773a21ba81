/**
 * Too many dead letters: the webhook that makes most of them is paused, so that the rest of what it
 * would lose waits instead. No dead letter is refused, and other webhooks go on. Off the path of
 * deliveries: a tenant is looked at a second after a dead letter, tenants one after another.
 */
import { EverhookError } from '../domain/errors';
import type { DeadLetterHolder, FindLargestHolder } from '../store/dead-letter-holders';
import { dlqFull, type Telemetry } from '../telemetry/events';
import { changeState, type ChangeStateDeps } from './change-state';

export interface DlqLimitOptions {
  readonly telemetry: Telemetry;
  readonly findLargestHolder: FindLargestHolder;
  /** @returns false when there was nothing to pause any more */
  readonly pause: (tenantId: string, webhookId: string) => Promise<boolean>;
  /** From a dead letter until its tenant is looked at. */
  readonly gatherMs?: number;
}

/** Times as long as the last look took is waited before the next, so that looking costs little however many there are. */
const pausePerLook = 20;

/** Between looks at a tenant that fail; at least `gatherMs`. */
const longestPauseMs = 60_000;

export class DlqLimit {
  /** Tenants to be looked at. One leaves when the look begins, so that a dead letter during it brings another. */
  private readonly due = new Map<string, NodeJS.Timeout>();
  private looking: Promise<void> = Promise.resolve();
  private tookMs = 0;
  private stopped = false;

  constructor(private readonly options: DlqLimitOptions) {}

  /** A dead letter of this tenant has been committed. Never waits and never throws. */
  note(tenantId: string): void {
    this.lookLater(tenantId, 0);
  }

  /** Looks at once at the tenants that are due, and at none afterwards. */
  stop(): Promise<void> {
    this.stopped = true;
    for (const [tenantId, timer] of this.due) {
      clearTimeout(timer);
      this.lookInTurn(tenantId, 0);
    }
    return this.looking;
  }

  private lookLater(tenantId: string, failures: number): void {
    if (this.stopped || this.due.has(tenantId)) return;
    const gatherMs = Math.max(this.options.gatherMs ?? 1_000, this.tookMs * pausePerLook);
    const waitMs = Math.min(gatherMs * 2 ** failures, longestPauseMs);
    this.due.set(
      tenantId,
      setTimeout(() => this.lookInTurn(tenantId, failures), waitMs),
    );
  }

  private lookInTurn(tenantId: string, failures: number): void {
    this.looking = this.looking.then(() => this.look(tenantId, failures));
  }

  private async look(tenantId: string, failures: number): Promise<void> {
    if (!this.due.delete(tenantId)) return;
    const { telemetry, findLargestHolder, pause } = this.options;
    const startedAt = performance.now();
    try {
      const holder = await findLargestHolder(tenantId);
      this.tookMs = performance.now() - startedAt;
      if (!holder || !mustPause(holder)) return;
      const { webhookId, held, total, limit } = holder;
      if (!(await pause(tenantId, webhookId))) return;
      dlqFull(telemetry, { tenant_id: tenantId, webhook_id: webhookId, held, total, limit });
    } catch (error) {
      telemetry.log.warn({ event: 'dlq.limit_not_checked', tenant_id: tenantId, err: error });
      this.lookLater(tenantId, failures + 1);
    }
  }
}

/** One that holds less than half is not alone to blame; pausing it would not end the flood. */
function mustPause({ state, held, total, limit }: DeadLetterHolder): boolean {
  return total > limit && held * 2 >= total && state === 'active';
}

/** @returns false when the webhook has been paused, disabled or deleted since it was looked at */
export async function pauseForDlq(deps: ChangeStateDeps, tenantId: string, webhookId: string): Promise<boolean> {
  const change = { tenantId, webhookId, action: 'pause', reason: 'dlq_full', actor: { name: 'everhook' } } as const;
  try {
    return (await changeState(deps, change)).changed;
  } catch (error) {
    if (error instanceof EverhookError && (error.code === 'NOT_FOUND' || error.code === 'INVALID_STATE')) return false;
    throw error;
  }
}
