/**
 * Reading a large list newest first along an index: the page is a range of the index's own columns, so
 * that the planner has that index only, however many rows stand before the page.
 */

export interface KeysetQuery {
  /** Table of schema `hook`. */
  readonly table: string;
  /** What is selected. */
  readonly columns: string;
  readonly tenantId: string;
  /**
   * The filter whose index the list follows. Its column leads the order and stands in a range, not in an
   * equation: the planner takes all filters for evenly spread over time, and would look for a value that was
   * last seen a million rows ago by walking all of them.
   */
  readonly lead?: { readonly column: string; readonly value: string } | undefined;
  /** Columns that the rest of the index is sorted by. */
  readonly key: readonly string[];
  /** Where the range begins, by `key`; included. */
  readonly low: readonly unknown[];
  /** Where it ends, by `key`; not included. */
  readonly high: readonly unknown[];
  /** Conditions that are checked along the index, such as `status =`; those whose value is undefined are left out. */
  readonly where?: readonly (readonly [condition: string, value: unknown])[];
  /** The condition of a partial index, word for word: the planner does not see it in the range. */
  readonly partial?: string | undefined;
  readonly limit: number;
}

/** @returns a query for up to `limit` + 1 rows; the last one only tells that there are more */
export function keysetQuery(query: KeysetQuery): { text: string; values: unknown[] } {
  const { table, columns, tenantId, lead, key, low, high, where = [], partial, limit } = query;
  const values: unknown[] = [tenantId];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const row = lead === undefined ? key : [lead.column, ...key];
  const bound = (end: readonly unknown[]) => (lead === undefined ? end : [lead.value, ...end]).map(bind).join();
  const conditions = [
    'tenant_id = $1',
    ...where.filter(([, value]) => value !== undefined).map(([condition, value]) => `${condition} ${bind(value)}`),
    ...(partial === undefined ? [] : [partial]),
    `(${row.join()}) >= (${bound(low)})`,
    `(${row.join()}) < (${bound(high)})`,
  ];
  const text = `SELECT ${columns} FROM hook.${table} WHERE ${conditions.join(' AND ')}
    ORDER BY ${row.map((column) => `${column} DESC`).join()} LIMIT ${bind(limit + 1)}`;
  return { text, values };
}
