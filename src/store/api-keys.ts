/** API keys of tenants. Only SHA-256 hashes of them are kept: they are random, not chosen. */
import type { Pool } from 'pg';
import { EverhookError } from '../domain/errors';
import { redactText } from '../telemetry/redact';
import { writeAudit, type Actor, type AuditEntry } from './audit';
import type { ApiKey as ApiKeyModel, PrismaClient } from './generated/client';
import { requireTenant, withTenant, type TenantTransaction } from './tenant-scope';

export interface ApiKeySettings {
  readonly name: string;
  readonly description: string | null;
  readonly scopes: string[];
  readonly expiresAt: Date | null;
}

export interface NewApiKey extends ApiKeySettings {
  readonly id: string;
  /** What may be shown of it. */
  readonly prefix: string;
  readonly keyHash: Buffer;
}

export interface ApiKey extends ApiKeySettings {
  readonly id: string;
  readonly prefix: string;
  readonly lastAccessedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a request that brings the key needs to know of it. */
export interface KeyCredentials {
  readonly id: string;
  readonly tenantId: string;
  readonly keyHash: Buffer;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
}

export interface ApiKeys {
  /** @throws UNAUTHORIZED when the tenant was deleted */
  create(tenantId: string, key: NewApiKey, actor: Actor): Promise<ApiKey>;
  /** @throws NOT_FOUND */
  get(tenantId: string, id: string): Promise<ApiKey>;
  /** Newest first; without those that were revoked. */
  list(
    tenantId: string,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<{ keys: ApiKey[]; total: number }>;
  /** @throws NOT_FOUND */
  update(tenantId: string, id: string, change: Partial<ApiKeySettings>, actor: Actor): Promise<ApiKey>;
  /** Soft: the row stays, the key is worth nothing. @throws NOT_FOUND */
  revoke(tenantId: string, id: string, actor: Actor): Promise<void>;
  /** Of a key that was not revoked, whose tenant was not deleted. It may have expired. */
  findByHash(keyHash: Buffer): Promise<KeyCredentials | undefined>;
  /** Notes that the key was used; writes at most once a minute, however many processes ask. */
  touch(id: string): Promise<void>;
}

export function createApiKeys(prisma: PrismaClient, workerPool: Pool): ApiKeys {
  return {
    create: (tenantId, key, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await requireTenant(tx, tenantId);
        const row = await tx.apiKey.create({ data: { ...key, tenantId, keyHash: new Uint8Array(key.keyHash) } });
        await writeAudit(tx, {
          tenantId,
          action: 'key.created',
          actor,
          target: `key:${row.id}`,
          details: {
            name: redactText(row.name),
            prefix: row.prefix,
            scopes: row.scopes,
            expires_at: isoOf(row.expiresAt),
          },
        });
        return toApiKey(row);
      }),

    get: (tenantId, id) => withTenant(prisma, tenantId, async (tx) => toApiKey(await find(tx, tenantId, id))),

    list: (tenantId, { limit, offset }) =>
      withTenant(prisma, tenantId, async (tx) => {
        const where = { tenantId, revokedAt: null };
        const rows = await tx.apiKey.findMany({ where, orderBy: { id: 'desc' }, take: limit, skip: offset });
        const total = await tx.apiKey.count({ where });
        return { keys: rows.map(toApiKey), total };
      }),

    update: (tenantId, id, change, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId, id);
        const before = await find(tx, tenantId, id);
        if (Object.keys(change).length === 0) return toApiKey(before);
        const after = await tx.apiKey.update({ where: { id }, data: change });
        await writeAudit(tx, {
          tenantId,
          action: 'key.updated',
          actor,
          target: `key:${id}`,
          details: { before: changed(before, change), after: changed(after, change) },
        });
        return toApiKey(after);
      }),

    revoke: (tenantId, id, actor) =>
      withTenant(prisma, tenantId, async (tx) => {
        await lock(tx, tenantId, id);
        const key = await find(tx, tenantId, id);
        await tx.apiKey.update({ where: { id }, data: { revokedAt: new Date() } });
        await writeAudit(tx, keyRevoked(tenantId, key, actor));
      }),

    // Who calls is not known before this look-up, so it runs as the role that may see every tenant.
    async findByHash(keyHash) {
      const { rows } = await workerPool.query<CredentialsRow>({
        name: 'apiKeys.findByHash',
        text: `SELECT k.id, k.tenant_id, k.key_hash, k.scopes, k.expires_at
               FROM hook.api_keys k JOIN hook.tenants t ON t.id = k.tenant_id
               WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND t.deleted_at IS NULL`,
        values: [keyHash],
      });
      const row = rows[0];
      return (
        row && {
          id: row.id,
          tenantId: row.tenant_id,
          keyHash: row.key_hash,
          scopes: row.scopes,
          expiresAt: row.expires_at,
        }
      );
    },

    async touch(id) {
      await workerPool.query({
        name: 'apiKeys.touch',
        text: `UPDATE hook.api_keys SET last_accessed_at = now()
               WHERE id = $1 AND (last_accessed_at IS NULL OR last_accessed_at <= now() - interval '1 minute')`,
        values: [id],
      });
    },
  };
}

export function keyRevoked(
  tenantId: string,
  { id, name, prefix }: Pick<ApiKeyModel, 'id' | 'name' | 'prefix'>,
  actor: Actor,
): AuditEntry {
  return { tenantId, action: 'key.revoked', actor, target: `key:${id}`, details: { name: redactText(name), prefix } };
}

/** Two changes of one key come one after the other, so that each audit row tells what was there before. */
async function lock(tx: TenantTransaction, tenantId: string, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM hook.api_keys WHERE id = ${id} AND tenant_id = ${tenantId} FOR UPDATE`;
}

async function find(tx: TenantTransaction, tenantId: string, id: string): Promise<ApiKeyModel> {
  const row = await tx.apiKey.findFirst({ where: { id, tenantId, revokedAt: null } });
  if (!row) throw new EverhookError('NOT_FOUND', `no API key ${id}`);
  return row;
}

/** The fields of the row that the change names, as the API calls them. */
function changed(row: ApiKeyModel, change: Partial<ApiKeySettings>) {
  return {
    ...('name' in change && { name: redactText(row.name) }),
    ...('description' in change && { description: row.description && redactText(row.description) }),
    ...('scopes' in change && { scopes: row.scopes }),
    ...('expiresAt' in change && { expires_at: isoOf(row.expiresAt) }),
  };
}

function isoOf(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

interface CredentialsRow {
  id: string;
  tenant_id: string;
  key_hash: Buffer;
  scopes: string[];
  expires_at: Date | null;
}

function toApiKey(row: ApiKeyModel): ApiKey {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    prefix: row.prefix,
    scopes: row.scopes,
    expiresAt: row.expiresAt,
    lastAccessedAt: row.lastAccessedAt,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
