/** Reading the audit log of a tenant back, newest first. Each query follows an index of migrations 0002 and 0011. */
import type { Pool } from 'pg';
import type { AuditAction } from './audit';
import { idBounds } from './id-bounds';
import { keysetQuery } from './keyset';
import { withTenantClient } from './tenant-scope';

export interface AuditRecord {
  readonly id: string;
  readonly action: AuditAction;
  readonly actor: string;
  readonly target: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
  readonly createdAt: Date;
}

export interface AuditFilter {
  readonly action?: AuditAction | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly limit: number;
  /** Id of the last record of the page before. */
  readonly before?: string | undefined;
}

/** @returns up to `limit` + 1 records; the last one only tells that there are more */
export type ListAuditLog = (tenantId: string, filter: AuditFilter) => Promise<AuditRecord[]>;

const columns = 'id, action, actor, target, details, request_id AS "requestId", created_at AS "createdAt"';

export function createAuditList(pool: Pool): ListAuditLog {
  return (tenantId, filter) =>
    withTenantClient(pool, tenantId, async (client) => {
      const { action, from, to, limit } = filter;
      const { low, high } = idBounds(filter);
      const { rows } = await client.query<AuditRecord>(
        keysetQuery({
          table: 'audit_logs',
          columns,
          tenantId,
          lead: action === undefined ? undefined : { column: 'action', value: action },
          key: ['id'],
          low: [low],
          high: [high],
          where: [
            ['created_at >=', from],
            ['created_at <', to],
          ],
          limit,
        }),
      );
      return rows;
    });
}
