/**
 * Deliveries whose workflow somebody has terminated in Temporal. Such a run ends without a word, so the
 * sweep asks Temporal for those that were terminated lately and records what became of their deliveries.
 */
import type { DeliveryEnds } from '../store/delivery-ends';
import type { FindStanding } from '../store/standing-deliveries';
import { deliveryEnded, type Telemetry } from '../telemetry/events';

export interface TerminationsDeps {
  readonly telemetry: Telemetry;
  readonly temporal: {
    /** Deliveries of which a run was terminated at this time or later. */
    terminatedSince(since: Date): Promise<string[]>;
    /** Whether the latest run of the delivery's workflow was terminated. */
    isTerminated(deliveryId: string): Promise<boolean>;
  };
  /** Those of the deliveries that have begun and not ended. */
  readonly standing: FindStanding;
  readonly deliveryEnds: Pick<DeliveryEnds, 'record'>;
}

/** @returns how many were recorded @throws the database's error, or Temporal's */
export async function recordTerminations(deps: TerminationsDeps, since: Date): Promise<number> {
  let recorded = 0;
  const standing = await deps.standing(await deps.temporal.terminatedSince(since));
  for (const { id, tenantId, webhookId, replayNo } of standing) {
    // A reset terminates the run that it starts from, and goes on in another.
    if (!(await deps.temporal.isTerminated(id))) continue;
    const ended = await deps.deliveryEnds.record(id, null, 'TERMINATED', replayNo);
    if (!ended.changed) continue;
    recorded++;
    const ids = { delivery_id: id, tenant_id: tenantId, webhook_id: webhookId };
    deliveryEnded(deps.telemetry, { ...ids, reason: 'TERMINATED', attempts: ended.attempts });
  }
  return recorded;
}
