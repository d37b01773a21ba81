/**
 * Work for one tenant under row-level security: the transaction names the tenant, and the policies
 * show `hook_svc` that tenant's rows and no others, whatever the query forgets to filter by.
 */
import { escapeLiteral, type Pool, type PoolClient } from 'pg';
import { EverhookError } from '../domain/errors';
import type { Prisma, PrismaClient } from './generated/client';

export type TenantTransaction = Prisma.TransactionClient;

/** Configuration reads and writes, through Prisma. */
export function withTenant<T>(
  prisma: PrismaClient,
  tenantId: string,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  return prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT set_config('app.tenant', ${tenantId}, true)`;
    return work(tx);
  }, transactionLimits);
}

/**
 * Before something is created for a tenant: credentials are cached for a moment, so that those of a tenant
 * that was deleted may come this far. The lock makes the deletion wait for what is being created, and delete
 * it as well.
 *
 * @throws UNAUTHORIZED when the tenant was deleted
 */
export async function requireTenant(tx: TenantTransaction, tenantId: string): Promise<void> {
  const [row] = await tx.$queryRaw<object[]>`
    SELECT 1 FROM hook.tenants WHERE id = ${tenantId} AND deleted_at IS NULL FOR KEY SHARE`;
  if (!row) throw new EverhookError('UNAUTHORIZED', `tenant ${tenantId} was deleted`);
}

/** Writers of one tenant wait for each other; they should do so rather than fail. In milliseconds. */
export const transactionLimits = { maxWait: 10_000, timeout: 20_000 } as const;

/** Reads of the large tables, through pg. */
export function withTenantClient<T>(
  pool: Pool,
  tenantId: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  // One round trip for both; the literal is escaped because a multi-statement query takes no parameters.
  return inTransaction(pool, `BEGIN; SELECT set_config('app.tenant', ${escapeLiteral(tenantId)}, true)`, work);
}

/** @param begin `BEGIN`, and what is set for this transaction */
export async function inTransaction<T>(
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      (rollbackError: Error) => client.release(rollbackError),
    );
    throw error;
  }
}
