/**
 * Deliveries of the direct lane between processes: what one accepted that makes no attempts, or does not get
 * to any more, another takes that does. A notification tells of them; whoever missed it finds them later.
 */
import type { Pool } from 'pg';
import type { Claim } from './events';
import { claimedColumns, type ClaimedDelivery } from './claims';
import { anyIdOf } from './found-ids';
import { Listener } from './listener';

export interface DirectClaims {
  /** Stands in a claim for a process when whichever comes first may take the delivery. */
  readonly offered: string;
  /** Takes up to `limit` of those that are offered, the oldest first. */
  take(claim: Claim, limit: number): Promise<ClaimedDelivery[]>;
  /** Offers what this process has claimed. */
  offer(deliveryIds: readonly string[]): Promise<void>;
  /** They wait from now on to be admitted, and their webhooks' next deliveries behind them. */
  putOff(deliveryIds: readonly string[]): Promise<void>;
  /** Tells the processes that listen that there are some. */
  tell(): Promise<void>;
  /** Calls back when there may be some, and once at the beginning. */
  listen(onOffered: () => void): void;
  close(): Promise<void>;
}

const offered = 'direct';

const channel = 'everhook_direct';

export function createDirectClaims(workerPool: Pool, onListenFailed: (error: Error) => void): DirectClaims {
  const listener = new Listener(workerPool, channel, onListenFailed);
  const tell = async (): Promise<void> => {
    await workerPool.query({ name: 'directClaims.tell', text: `SELECT pg_notify('${channel}', '')` });
  };
  return {
    offered,
    tell,
    listen: (onOffered) => listener.start(onOffered),
    close: () => listener.stop(),

    async take(claim, limit) {
      const { rows } = await workerPool.query<ClaimedDelivery>({
        name: 'directClaims.take',
        text: `
          WITH found AS (
            SELECT id FROM hook.deliveries
            WHERE claimed_by = '${offered}' AND status = 'PENDING'
            ORDER BY claimed_until LIMIT $3 FOR UPDATE SKIP LOCKED
          ), taken AS (
            UPDATE hook.deliveries d
            SET claimed_by = $1, claimed_until = now() + ($2 + w.timeout_ms) * interval '1 millisecond'
            FROM hook.webhook_configs w
            WHERE d.id = ${anyIdOf('found')} AND w.id = d.webhook_id
            RETURNING d.*
          )
          SELECT ${claimedColumns} FROM taken d JOIN hook.webhook_configs w ON w.id = d.webhook_id ORDER BY d.id`,
        values: [claim.by, claim.forMs, limit],
      });
      return rows;
    },

    async offer(deliveryIds) {
      await workerPool.query({
        name: 'directClaims.offer',
        text: `UPDATE hook.deliveries SET claimed_by = '${offered}' WHERE id = ANY($1) AND status = 'PENDING'`,
        values: [deliveryIds],
      });
      await tell();
    },

    async putOff(deliveryIds) {
      await workerPool.query({
        name: 'directClaims.putOff',
        text: `
          WITH put_off AS (
            UPDATE hook.deliveries SET waiting_since = created_at, claimed_by = NULL, claimed_until = NULL
            WHERE id = ANY($1) AND status = 'PENDING' AND run_id IS NULL
            RETURNING webhook_id
          )
          UPDATE hook.webhook_configs w SET crowded = true
          FROM (SELECT DISTINCT webhook_id FROM put_off) p WHERE w.id = p.webhook_id AND NOT w.crowded`,
        values: [deliveryIds],
      });
    },
  };
}
