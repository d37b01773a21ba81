/** SQL for what statements take: rows that a query of theirs has found and locked. */

/**
 * As an array: for as many as its LIMIT, a parameter, allows the planner would read the whole table, and mostly they
 * are few.
 *
 * @param found a query of the statement, and what follows `FROM` in general
 */
export const anyIdOf = (found: string): string => `ANY (ARRAY(SELECT id FROM ${found}))`;
