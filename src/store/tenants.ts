/** Tenants and their client credentials. Secrets are kept as SHA-256 hashes only: they are random, not chosen. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import { keyRevoked } from './api-keys';
import { writeAudit, type Actor } from './audit';
import type { PrismaClient, Tenant as TenantModel } from './generated/client';
import { isUniqueViolation } from './sql-errors';
import { withTenant, type TenantTransaction } from './tenant-scope';
import { webhookDeleted } from './webhook-audit';

export interface NewTenant {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecretHash: Buffer;
}

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface ClientCredentials {
  readonly tenantId: string;
  readonly clientSecretHash: Buffer;
  readonly credentialsVersion: number;
}

export interface Tenants {
  /** @throws VALIDATION_ERROR when the id is taken */
  create(tenant: NewTenant, actor: Actor): Promise<Tenant>;
  /** @throws NOT_FOUND */
  get(tenantId: string): Promise<Tenant>;
  /** Newest first. */
  list(page: { readonly limit: number; readonly offset: number }): Promise<{ tenants: Tenant[]; total: number }>;
  /** @throws NOT_FOUND */
  rename(tenantId: string, name: string, actor: Actor): Promise<Tenant>;
  /** The old secret and every token issued before are worth nothing from now on. @throws NOT_FOUND */
  rotateCredentials(tenantId: string, clientSecretHash: Buffer, actor: Actor): Promise<Tenant>;
  /**
   * Soft, with all that is the tenant's: API keys are revoked, webhooks deleted, so that open deliveries
   * end CANCELLED. Its id stays taken.
   * @throws NOT_FOUND
   */
  delete(tenantId: string, actor: Actor): Promise<void>;
  findByClientId(clientId: string): Promise<ClientCredentials | undefined>;
  /** Version that tokens of the tenant must carry, or undefined when there is no such tenant. */
  credentialsVersion(tenantId: string): Promise<number | undefined>;
}

export function createTenants(prisma: PrismaClient, workerPool: Pool): Tenants {
  return {
    async create(tenant, actor) {
      try {
        return await withTenant(prisma, tenant.id, async (tx) => {
          const row = await tx.tenant.create({
            data: { ...tenant, clientSecretHash: new Uint8Array(tenant.clientSecretHash), quota: { create: {} } },
          });
          await writeAudit(tx, {
            tenantId: row.id,
            action: 'tenant.created',
            actor,
            target: `tenant:${row.id}`,
            details: { name: row.name, client_id: row.clientId },
          });
          return toTenant(row);
        });
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        throw new EverhookError('VALIDATION_ERROR', `tenant id ${tenant.id} is taken`, {
          field: 'id',
          publicMessage: `A tenant with the id ${tenant.id} exists; choose another id or leave it out.`,
          cause: error,
        });
      }
    },

    get: (tenantId) => withTenant(prisma, tenantId, async (tx) => toTenant(await find(tx, tenantId))),

    // The list is across tenants by nature, so it runs as the role that may see every one of them.
    async list({ limit, offset }) {
      const { rows } = await workerPool.query<TenantRow>({
        name: 'tenants.list',
        text: `SELECT id, name, client_id, created_at, updated_at FROM hook.tenants WHERE deleted_at IS NULL
               ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2`,
        values: [limit, offset],
      });
      const counted = await workerPool.query<{ total: number }>({
        name: 'tenants.count',
        text: 'SELECT count(*)::integer AS total FROM hook.tenants WHERE deleted_at IS NULL',
      });
      return { tenants: rows.map(fromRow), total: counted.rows[0]?.total ?? 0 };
    },

    rename: (tenantId, name, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId);
        const before = await find(tx, tenantId);
        const row = await tx.tenant.update({ where: { id: tenantId }, data: { name } });
        await writeAudit(tx, {
          tenantId,
          action: 'tenant.updated',
          actor,
          target: `tenant:${tenantId}`,
          details: { before: { name: before.name }, after: { name } },
        });
        return toTenant(row);
      }),

    rotateCredentials: (tenantId, clientSecretHash, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId);
        await find(tx, tenantId);
        const row = await tx.tenant.update({
          where: { id: tenantId },
          data: { clientSecretHash: new Uint8Array(clientSecretHash), credentialsVersion: { increment: 1 } },
        });
        await writeAudit(tx, {
          tenantId,
          action: 'credentials.rotated',
          actor,
          target: `tenant:${tenantId}`,
          details: { credentials_version: row.credentialsVersion },
        });
        return toTenant(row);
      }),

    delete: (tenantId, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId);
        const { name } = await find(tx, tenantId);
        const deletedAt = new Date();
        await tx.tenant.update({
          where: { id: tenantId },
          data: { deletedAt, credentialsVersion: { increment: 1 } },
        });
        const webhooks = await tx.$queryRaw<{ id: string; url: string }[]>`
          UPDATE hook.webhook_configs
          SET deleted_at = ${deletedAt}, updated_at = ${deletedAt}, state_version = state_version + 1
          WHERE tenant_id = ${tenantId} AND deleted_at IS NULL RETURNING id, url`;
        const keys = await tx.$queryRaw<{ id: string; name: string; prefix: string }[]>`
          UPDATE hook.api_keys SET revoked_at = ${deletedAt}, updated_at = ${deletedAt}
          WHERE tenant_id = ${tenantId} AND revoked_at IS NULL RETURNING id, name, prefix`;
        await writeAudit(
          tx,
          { tenantId, action: 'tenant.deleted', actor, target: `tenant:${tenantId}`, details: { name } },
          ...webhooks.map((webhook) => webhookDeleted(tenantId, webhook, actor)),
          ...keys.map((key) => keyRevoked(tenantId, key, actor)),
        );
      }),

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

/**
 * FOR UPDATE, because the foreign keys of new webhooks and API keys wait for it: what is being created while
 * the tenant is deleted is there to be deleted with it.
 */
async function lock(tx: TenantTransaction, tenantId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM hook.tenants WHERE id = ${tenantId} FOR UPDATE`;
}

async function find(tx: TenantTransaction, tenantId: string): Promise<TenantModel> {
  const row = await tx.tenant.findFirst({ where: { id: tenantId, deletedAt: null } });
  if (!row) throw new EverhookError('NOT_FOUND', `no tenant ${tenantId}`);
  return row;
}

function toTenant({ id, name, clientId, createdAt, updatedAt }: TenantModel): Tenant {
  return { id, name, clientId, createdAt, updatedAt };
}

interface TenantRow {
  id: string;
  name: string;
  client_id: string;
  created_at: Date;
  updated_at: Date;
}

function fromRow(row: TenantRow): Tenant {
  return {
    id: row.id,
    name: row.name,
    clientId: row.client_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
