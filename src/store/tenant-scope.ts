/**
 * Work for one tenant under row-level security: the transaction names the tenant, and the policies
 * show `hook_svc` that tenant's rows and no others, whatever the query forgets to filter by.
 */
import { escapeLiteral, type Pool, type PoolClient } from 'pg';
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

/** Writers of one tenant wait for each other; they should do so rather than fail. In milliseconds. */
export const transactionLimits = { maxWait: 10_000, timeout: 20_000 } as const;

/** Reads of the large tables, through pg. */
export async function withTenantClient<T>(
  pool: Pool,
  tenantId: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    // One round trip for both; the literal is escaped because a multi-statement query takes no parameters.
    await client.query(`BEGIN; SELECT set_config('app.tenant', ${escapeLiteral(tenantId)}, true)`);
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
