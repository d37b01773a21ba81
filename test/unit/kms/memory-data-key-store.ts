/**
 * The data-key store as a list in memory, for tests of what lies above it.
 * Like the real one it gives a tenant one current key: the first row inserted wins.
 */
import type { DataKeyRow, DataKeyStore } from '../../../src/kms/data-keys';

export function createMemoryDataKeyStore(): DataKeyStore & { rows: DataKeyRow[] } {
  const rows: DataKeyRow[] = [];
  return {
    rows,
    findCurrent: async (tenantId) => rows.find((row) => row.tenantId === tenantId),
    findById: async (tenantId, id) => rows.find((row) => row.tenantId === tenantId && row.id === id),
    insert: async (row) => {
      const current = rows.find(({ tenantId }) => tenantId === row.tenantId);
      if (current) return current;
      rows.push(row);
      return row;
    },
  };
}
