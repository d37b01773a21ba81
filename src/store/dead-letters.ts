/** Reading the dead letters of a tenant that nobody has resolved, the latest first. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import type { DeadLetterReason } from '../domain/delivery-state';
import { withTenantClient } from './tenant-scope';

export interface DeadLetter {
  readonly deliveryId: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly reason: DeadLetterReason;
  readonly lastError: string | null;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly deadLetteredAt: Date;
}

export interface DeadLetterFilter {
  readonly webhookId?: string | undefined;
  /** Of the time at which they became dead letters. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  readonly offset: number;
}

export interface DeadLetters {
  list(tenantId: string, filter: DeadLetterFilter): Promise<{ deadLetters: DeadLetter[]; total: number }>;
  /** The same for one webhook, which may have been deleted. @throws NOT_FOUND without such a webhook */
  listOf(
    tenantId: string,
    filter: DeadLetterFilter & { readonly webhookId: string },
  ): Promise<{ deadLetters: DeadLetter[]; total: number }>;
}

const columns = `id AS "deliveryId", webhook_id AS "webhookId", event_id AS "eventId", event_type AS "eventType", reason,
  last_error AS "lastError", attempts, created_at AS "createdAt", completed_at AS "deadLetteredAt"`;

export function createDeadLetters(servicePool: Pool): DeadLetters {
  const list: DeadLetters['list'] = (tenantId, { webhookId, from, to, limit, offset }) =>
    withTenantClient(servicePool, tenantId, async (client) => {
      const conditions = ["tenant_id = $1 AND status = 'DEAD_LETTER' AND resolved_at IS NULL"];
      const values: unknown[] = [tenantId];
      const where = (condition: string, value: unknown): void => {
        if (value === undefined) return;
        values.push(value);
        conditions.push(`${condition} $${values.length}`);
      };
      where('webhook_id =', webhookId);
      where('completed_at >=', from);
      where('completed_at <', to);
      const matching = `FROM hook.deliveries WHERE ${conditions.join(' AND ')}`;
      const { rows } = await client.query<DeadLetter>(
        `SELECT ${columns} ${matching} ORDER BY completed_at DESC, id DESC
         LIMIT $${values.length + 1} OFFSET $${values.length + 2}`,
        [...values, limit, offset],
      );
      const counted = await client.query<{ total: number }>(`SELECT count(*)::integer AS total ${matching}`, values);
      return { deadLetters: rows, total: counted.rows[0]?.total ?? 0 };
    });
  return {
    list,
    async listOf(tenantId, filter) {
      const known = await withTenantClient(servicePool, tenantId, (client) =>
        client.query('SELECT 1 FROM hook.webhook_configs WHERE tenant_id = $1 AND id = $2', [
          tenantId,
          filter.webhookId,
        ]),
      );
      if (known.rowCount === 0) throw new EverhookError('NOT_FOUND', `no webhook ${filter.webhookId}`);
      return list(tenantId, filter);
    },
  };
}
