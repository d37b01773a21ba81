/** Which of some deliveries have begun and not ended: those that should have a workflow. */
import type { Pool } from 'pg';

export interface StandingDelivery {
  readonly id: string;
  readonly tenantId: string;
  readonly webhookId: string;
  readonly replayNo: number;
}

export type FindStanding = (deliveryIds: readonly string[]) => Promise<StandingDelivery[]>;

export function createStandingDeliveries(workerPool: Pool): FindStanding {
  return async (deliveryIds) => {
    if (deliveryIds.length === 0) return [];
    const { rows } = await workerPool.query<StandingDelivery>({
      name: 'deliveries.standing',
      text: `SELECT id, tenant_id AS "tenantId", webhook_id AS "webhookId", replay_no AS "replayNo"
             FROM hook.deliveries
             -- One that is PENDING was accepted or replayed and not started: a run before says nothing of it.
             WHERE id = ANY($1) AND status IN ('IN_PROGRESS', 'FAILED_RETRY', 'PAUSED')`,
      values: [deliveryIds],
    });
    return rows;
  };
}
