/** What an error of the database's means, whoever raised it. */

/** SQLSTATE of the database error behind an error of Prisma's or pg's, if there is one. */
export function sqlState(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, meta } = current as {
      code?: unknown;
      meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } };
    };
    const original = meta?.driverAdapterError?.cause?.originalCode;
    if (typeof original === 'string') return original;
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('P2')) return code;
  }
  return undefined;
}

/** Data exceptions and violated constraints: the same statement will be refused again. */
export function isRefused(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

/** Two statements waited for each other, and this one was given up. */
export function isDeadlock(error: unknown): boolean {
  return sqlState(error) === '40P01';
}

/** There is such a row already. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505' || (error as { code?: unknown }).code === 'P2002';
}
