/** What can be told about one dead letter to whoever asked to hear of them. */
import type { Pool } from 'pg';
import type { DeadLetterReason } from '../domain/delivery-state';

export interface DeadLetterFacts {
  readonly tenantId: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly reason: DeadLetterReason;
  readonly attempts: number;
  readonly replayNo: number;
  readonly lastStatusCode: number | null;
  readonly deadLetteredAt: Date;
}

/**
 * @param runId of the run that ended it; null for one that was a dead letter from the start
 * @returns undefined when it is not that dead letter, or not any more because it was replayed
 */
export type FindDeadLetterFacts = (deliveryId: string, runId: string | null) => Promise<DeadLetterFacts | undefined>;

export function createDeadLetterFacts(workerPool: Pool): FindDeadLetterFacts {
  return async (deliveryId, runId) => {
    const { rows } = await workerPool.query<DeadLetterFacts>({
      name: 'deadLetterFacts.find',
      text: `SELECT tenant_id AS "tenantId", webhook_id AS "webhookId", event_id AS "eventId", event_type AS "eventType",
                    reason, attempts, replay_no AS "replayNo", last_status_code AS "lastStatusCode",
                    completed_at AS "deadLetteredAt"
             FROM hook.deliveries WHERE id = $1 AND status = 'DEAD_LETTER' AND run_id IS NOT DISTINCT FROM $2`,
      values: [deliveryId, runId],
    });
    return rows[0];
  };
}
