/** The audit log: who did what to what. Written in the transaction of the change it tells about. */
import { createHash } from 'node:crypto';
import { encodeTime } from 'ulid';
import { newId } from '../domain/ids';
import type { Prisma } from './generated/client';
import type { TenantTransaction } from './tenant-scope';

export const auditActions = [
  'tenant.created',
  'tenant.updated',
  'tenant.deleted',
  'credentials.rotated',
  'key.created',
  'key.updated',
  'key.revoked',
  'webhook.created',
  'webhook.updated',
  'webhook.deleted',
  'webhook.paused',
  'webhook.resumed',
  'webhook.disabled',
  'webhook.enabled',
  'webhook.secret_rotated',
  'webhook.replayed',
  'webhook.replay_cancelled',
  'delivery.replayed',
  'delivery.cancelled',
  'delivery.resolved',
  'quota.updated',
  'quota.exceeded',
] as const;

export type AuditAction = (typeof auditActions)[number];

/** Who acts, and in which request. */
export interface Actor {
  /** `admin`, `client:<client_id>`, `key:<id>`, `gateway:<subject>`, `everhook` for what the system does by itself, `temporal-ui`. */
  readonly name: string;
  readonly requestId?: string | undefined;
}

export interface AuditEntry {
  /** Made anew unless given. */
  readonly id?: string;
  readonly tenantId: string;
  readonly action: AuditAction;
  readonly actor: Actor;
  /** `tenant:<id>`, `key:<id>`, `webhook:<id>`, `delivery:<id>`, ... */
  readonly target: string;
  /**
   * Never secrets. Of what was created or deleted, what it was; of a change, `before` and `after` by field,
   * named as in the API.
   */
  readonly details?: Prisma.InputJsonObject;
}

export async function writeAudit(tx: TenantTransaction, ...entries: AuditEntry[]): Promise<void> {
  // createMany returns no row: the worker's role may add to the log but not read it.
  await tx.auditLog.createMany({
    data: entries.map((entry) => ({
      id: entry.id ?? newId(),
      tenantId: entry.tenantId,
      action: entry.action,
      actor: entry.actor.name,
      target: entry.target,
      details: storable(entry.details ?? {}),
      requestId: entry.actor.requestId ?? null,
    })),
  });
}

const base32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The same ULID for the same request, so that carrying it out again cannot be written down a second time. */
export function auditIdOf({ key, askedAtMs }: { readonly key: string; readonly askedAtMs: number }): string {
  const random = createHash('sha256').update(key).digest().subarray(0, 16);
  return encodeTime(askedAtMs, 10) + Array.from(random, (byte) => base32[byte % 32]).join('');
}

/** Half a surrogate pair is text to JSON, but jsonb refuses it; a text column gets U+FFFD in its place. */
function storable(details: Prisma.InputJsonObject): Prisma.InputJsonObject {
  const text = JSON.stringify(details, (_key, value: unknown) =>
    typeof value === 'string' ? Buffer.from(value).toString() : value,
  );
  return JSON.parse(text) as Prisma.InputJsonObject;
}
