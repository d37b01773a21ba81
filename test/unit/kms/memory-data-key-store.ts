/**
 * The data-key store as a list in memory, for tests of what lies above it.
 * Like the real one it gives a tenant one current key: the first row inserted wins.
 */
import type { DataKeyRow, DataKeyStore } from '../../../src/kms/data-keys';
import type { WrappedKeyStore } from '../../../src/kms/rotate';

export function createMemoryDataKeyStore(): DataKeyStore & WrappedKeyStore & { rows: DataKeyRow[] } {
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
    count: async () => rows.length,
    page: async (afterId, limit) =>
      rows
        .filter(({ id }) => id > afterId)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit),
    replace: async (before, after) => {
      const at = rows.findIndex(({ id, wrapped }) => id === before.id && wrapped.equals(before.wrapped));
      const row = rows[at];
      if (!row) return false;
      rows[at] = { ...row, ...after };
      return true;
    },
  };
}
