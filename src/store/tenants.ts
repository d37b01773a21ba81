/** Tenants and their client credentials. Secrets are kept as SHA-256 hashes only: they are random, not chosen. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import { writeAudit, type Actor } from './audit';
import type { PrismaClient } from './generated/client';
import { sqlState } from './prisma';
import { withTenant } from './tenant-scope';

export interface NewTenant {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecretHash: Buffer;
}

export interface CreatedTenant {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly createdAt: Date;
}

export interface ClientCredentials {
  readonly tenantId: string;
  readonly clientSecretHash: Buffer;
  readonly credentialsVersion: number;
}

export interface Tenants {
  /** @throws VALIDATION_ERROR when the id is taken */
  create(tenant: NewTenant, actor: Actor): Promise<CreatedTenant>;
  findByClientId(clientId: string): Promise<ClientCredentials | undefined>;
  /** Version that tokens of the tenant must carry, or undefined when there is no such tenant. */
  credentialsVersion(tenantId: string): Promise<number | undefined>;
}

const uniqueViolation = '23505';

export function createTenants(prisma: PrismaClient, workerPool: Pool): Tenants {
  return {
    async create(tenant, actor) {
      try {
        return await withTenant(prisma, tenant.id, async (tx) => {
          const row = await tx.tenant.create({
            data: { ...tenant, clientSecretHash: new Uint8Array(tenant.clientSecretHash), quota: { create: {} } },
          });
          await writeAudit(tx, { tenantId: row.id, action: 'tenant.created', actor, target: `tenant:${row.id}` });
          return { id: row.id, name: row.name, clientId: row.clientId, createdAt: row.createdAt };
        });
      } catch (error) {
        if (!isTaken(error)) throw error;
        throw new EverhookError('VALIDATION_ERROR', `tenant id ${tenant.id} is taken`, {
          field: 'id',
          publicMessage: `A tenant with the id ${tenant.id} exists; choose another id or leave it out.`,
          cause: error,
        });
      }
    },

    // Who calls is not known before this look-up, so it runs as the role that may see every tenant.
    async findByClientId(clientId) {
      const { rows } = await workerPool.query<{ id: string; client_secret_hash: Buffer; credentials_version: number }>({
        name: 'tenants.findByClientId',
        text: `SELECT id, client_secret_hash, credentials_version FROM hook.tenants
               WHERE client_id = $1 AND deleted_at IS NULL`,
        values: [clientId],
      });
      const row = rows[0];
      return (
        row && {
          tenantId: row.id,
          clientSecretHash: row.client_secret_hash,
          credentialsVersion: row.credentials_version,
        }
      );
    },

    async credentialsVersion(tenantId) {
      const { rows } = await workerPool.query<{ credentials_version: number }>({
        name: 'tenants.credentialsVersion',
        text: 'SELECT credentials_version FROM hook.tenants WHERE id = $1 AND deleted_at IS NULL',
        values: [tenantId],
      });
      return rows[0]?.credentials_version;
    },
  };
}

function isTaken(error: unknown): boolean {
  return sqlState(error) === uniqueViolation || (error as { code?: string }).code === 'P2002';
}
