/** Records that a delivery has come to its end without success. */
import { statusOf, type EndReason } from '../src/domain/delivery-state';
import type { EndInput } from '../src/temporal/contracts';
import type { EndedDelivery } from '../src/store/delivery-ends';
import { deliveryEnded, type Telemetry } from '../src/telemetry/events';

export interface EndDeps {
  telemetry: Telemetry;
  deliveryEnds: {
    record(deliveryId: string, runId: string, reason: EndReason, replayNo: number | null): Promise<EndedDelivery>;
  };
  /** Told of every dead letter. */
  dlqLimit: { note(tenantId: string): void };
  operationalEvents: {
    /** Publishes the dead letter that this run left. Safe to repeat. */
    deadLettered(deliveryId: string, runId: string): Promise<void>;
  };
}

export interface EndResult {
  attempts: number;
  last_status_code: number | null;
}

/**
 * Safe to repeat: a delivery that is at its end already, or was replayed since, stays as it is.
 *
 * @throws the database's error when it could not be recorded, or could not be published
 */
export async function endDelivery(deps: EndDeps, input: EndInput): Promise<EndResult> {
  const ended = await deps.deliveryEnds.record(
    input.delivery_id,
    input.run_id,
    input.reason,
    input.started_replay_no ?? null,
  );
  if (ended.changed) {
    deliveryEnded(deps.telemetry, {
      delivery_id: input.delivery_id,
      tenant_id: input.tenant_id,
      webhook_id: input.webhook_id,
      reason: input.reason,
      attempts: ended.attempts,
    });
  }
  // Also when it is recorded already: the process that did it may have died before the next lines.
  if (statusOf(input.reason) === 'DEAD_LETTER') {
    deps.dlqLimit.note(input.tenant_id);
    await deps.operationalEvents.deadLettered(input.delivery_id, input.run_id);
  }
  return { attempts: ended.attempts, last_status_code: ended.lastStatusCode };
}
