/** Which webhooks' control workflows have something to do, and which webhooks should have one at all. */
import type { Pool } from 'pg';
import type { WebhookIds } from '../domain/ids';

export interface ControlDues {
  /** Webhooks whose deliveries are behind, in the order of their ids; none while another process asks. */
  due(afterId: string, limit: number): Promise<WebhookIds[]>;
  /** Webhooks that are not deleted, in the order of their ids. */
  all(afterId: string, limit: number): Promise<WebhookIds[]>;
}

/** Any number, as long as nothing else in the database locks it. */
const controlLockId = 5_301_002;

/** A replay that has moved since is being worked on, in seconds. */
const replayStillSeconds = 30;

export function createControlDues(workerPool: Pool): ControlDues {
  return {
    async due(afterId, limit) {
      const { rows } = await workerPool.query<WebhookIds>({
        name: 'controlDues.due',
        text: `
          WITH mine AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($1) AS yes)
          SELECT w.id AS "webhookId", w.tenant_id AS "tenantId" FROM hook.webhook_configs w
          WHERE (SELECT yes FROM mine) AND w.id > $4 AND w.id IN (
            SELECT id FROM hook.webhook_configs WHERE fanned_out_version < state_version
            UNION
            SELECT webhook_id FROM hook.replays
            WHERE state IN ('pending', 'running') AND updated_at < now() - $2 * interval '1 second'
          ) ORDER BY w.id LIMIT $3`,
        values: [controlLockId, replayStillSeconds, limit, afterId],
      });
      return rows;
    },

    async all(afterId, limit) {
      const { rows } = await workerPool.query<WebhookIds>({
        name: 'controlDues.all',
        text: `SELECT id AS "webhookId", tenant_id AS "tenantId" FROM hook.webhook_configs
               WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2`,
        values: [afterId, limit],
      });
      return rows;
    },
  };
}
