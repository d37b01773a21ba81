/** The audit log: who did what to what. Written in the transaction of the change it tells about. */
import { newId } from '../domain/ids';
import type { Prisma } from './generated/client';
import type { TenantTransaction } from './tenant-scope';

export type AuditAction =
  | 'tenant.created'
  | 'tenant.updated'
  | 'tenant.deleted'
  | 'credentials.rotated'
  | 'key.created'
  | 'key.updated'
  | 'key.revoked'
  | 'webhook.created'
  | 'webhook.updated'
  | 'webhook.deleted'
  | 'webhook.paused'
  | 'webhook.resumed'
  | 'webhook.disabled'
  | 'webhook.enabled'
  | 'delivery.replayed'
  | 'delivery.cancelled'
  | 'delivery.resolved'
  | 'quota.updated'
  | 'quota.exceeded';

/** Who acts, and in which request. */
export interface Actor {
  /** `admin`, `client:<client_id>`, `key:<id>`, `gateway:<subject>`, `everhook` for what the system does by itself, `temporal-ui`. */
  readonly name: string;
  readonly requestId?: string | undefined;
}

export interface AuditEntry {
  readonly tenantId: string;
  readonly action: AuditAction;
  readonly actor: Actor;
  /** `tenant:<id>`, `key:<id>`, `webhook:<id>`, `delivery:<id>`, ... */
  readonly target: string;
  /** Never secrets; what changed, by field. */
  readonly details?: Prisma.InputJsonObject;
}

export async function writeAudit(tx: TenantTransaction, ...entries: AuditEntry[]): Promise<void> {
  // createMany returns no row: the worker's role may add to the log but not read it.
  await tx.auditLog.createMany({
    data: entries.map((entry) => ({
      id: newId(),
      tenantId: entry.tenantId,
      action: entry.action,
      actor: entry.actor.name,
      target: entry.target,
      details: entry.details ?? {},
      requestId: entry.actor.requestId ?? null,
    })),
  });
}
