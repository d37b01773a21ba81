/** Wrapped data keys in Postgres. The unwrapped ones exist only in memory (src/kms). */
import type { Pool } from 'pg';
import type { DataKeyRow, DataKeyStore } from '../kms/data-keys';

interface Row {
  id: string;
  tenant_id: string;
  key_arn: string;
  wrapped: Buffer;
}

const columns = 'id, tenant_id, key_arn, wrapped';

/** Runs as the worker's role: API and worker both need every tenant's keys. */
export function createDataKeyStore(workerPool: Pool): DataKeyStore {
  const findCurrent = async (tenantId: string): Promise<DataKeyRow | undefined> => {
    const { rows } = await workerPool.query<Row>(
      `SELECT ${columns} FROM hook.data_keys WHERE tenant_id = $1 AND retired_at IS NULL`,
      [tenantId],
    );
    return rows[0] && toDataKey(rows[0]);
  };

  return {
    findCurrent,

    async findById(tenantId, id) {
      const { rows } = await workerPool.query<Row>(
        `SELECT ${columns} FROM hook.data_keys WHERE tenant_id = $1 AND id = $2`,
        [tenantId, id],
      );
      return rows[0] && toDataKey(rows[0]);
    },

    async insert(row) {
      const { rows } = await workerPool.query<Row>(
        `INSERT INTO hook.data_keys (id, tenant_id, key_arn, wrapped) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id) WHERE retired_at IS NULL DO NOTHING RETURNING ${columns}`,
        [row.id, row.tenantId, row.keyArn, row.wrapped],
      );
      if (rows[0]) return toDataKey(rows[0]);
      const winner = await findCurrent(row.tenantId);
      if (!winner) throw new Error(`data key of tenant ${row.tenantId} was retired while it was created`);
      return winner;
    },
  };
}

function toDataKey(row: Row): DataKeyRow {
  return { id: row.id, tenantId: row.tenant_id, keyArn: row.key_arn, wrapped: row.wrapped };
}
