/** Wrapped data keys in Postgres. The unwrapped ones exist only in memory (src/kms). */
import type { Pool } from 'pg';
import type { DataKeyRow, DataKeyStore } from '../kms/data-keys';
import type { WrappedKeyStore } from '../kms/rotate';

interface Row {
  id: string;
  tenant_id: string;
  key_arn: string;
  context_version: number;
  wrapped: Buffer;
}

const columns = 'id, tenant_id, key_arn, context_version, wrapped';

/** Runs as the worker's role: API and worker both need every tenant's keys. */
export function createDataKeyStore(workerPool: Pool): DataKeyStore & WrappedKeyStore {
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
        `INSERT INTO hook.data_keys (${columns}) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id) WHERE retired_at IS NULL DO NOTHING RETURNING ${columns}`,
        [row.id, row.tenantId, row.keyArn, row.contextVersion, row.wrapped],
      );
      if (rows[0]) return toDataKey(rows[0]);
      const winner = await findCurrent(row.tenantId);
      if (!winner) throw new Error(`data key of tenant ${row.tenantId} was retired while it was created`);
      return winner;
    },

    async count() {
      const { rows } = await workerPool.query<{ count: number }>(
        'SELECT count(*)::integer AS count FROM hook.data_keys',
      );
      return rows[0]?.count ?? 0;
    },

    async page(afterId, limit) {
      const { rows } = await workerPool.query<Row>(
        `SELECT ${columns} FROM hook.data_keys WHERE id > $1 ORDER BY id LIMIT $2`,
        [afterId, limit],
      );
      return rows.map(toDataKey);
    },

    async replace(before, after) {
      // Of two moves at a time the second finds that the wrapped key is not the one it has read.
      const { rowCount } = await workerPool.query(
        `UPDATE hook.data_keys SET key_arn = $3, context_version = $4, wrapped = $5
         WHERE id = $1 AND wrapped = $2`,
        [before.id, before.wrapped, after.keyArn, after.contextVersion, after.wrapped],
      );
      return rowCount === 1;
    },
  };
}

function toDataKey(row: Row): DataKeyRow {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    keyArn: row.key_arn,
    contextVersion: row.context_version,
    wrapped: row.wrapped,
  };
}
