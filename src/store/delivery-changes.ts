/**
 * What people do to a delivery: replay, cancel, resolve. Each locks the row, looks whether its state
 * allows it, and writes the change and its audit row in one transaction.
 */
import { EverhookError } from '../domain/errors';
import { isTerminal, type DeliveryStatus } from '../domain/delivery-state';
import type { WebhookState } from '../domain/webhook-state';
import { writeAudit, type Actor, type AuditAction } from './audit';
import type { ClaimedDelivery } from './claims';
import { deliveryColumns, type Delivery } from './deliveries';
import type { Claim } from './events';
import { Prisma, type PrismaClient } from './generated/client';
import { opensReplay } from './replay-opening';
import { withTenant, type TenantTransaction } from './tenant-scope';

export interface DeliveryChange {
  readonly tenantId: string;
  readonly deliveryId: string;
  readonly actor: Actor;
}

export interface ReplayOptions {
  /** Anything but a dead letter that is listed counts as not there. */
  readonly deadLetterOnly?: boolean;
}

export interface Replayed {
  readonly delivery: Delivery;
  /** What the outbox needs to start it. */
  readonly claimed: ClaimedDelivery;
}

export interface DeliveryChanges {
  /**
   * Opens the next replay, claimed by this process.
   * @throws NOT_FOUND, INVALID_STATE while it runs and when its webhook takes nothing
   */
  replay(change: DeliveryChange, claim: Claim, options?: ReplayOptions): Promise<Replayed>;
  /** Ends it CANCELLED. @throws NOT_FOUND, INVALID_STATE when it has ended */
  cancel(change: DeliveryChange): Promise<Delivery>;
  /** Takes a dead letter off the list. @throws NOT_FOUND when it is no dead letter, or none that is listed */
  resolve(change: DeliveryChange): Promise<void>;
}

export function createDeliveryChanges(servicePrisma: PrismaClient): DeliveryChanges {
  return {
    replay: (change, claim, options = {}) =>
      withTenant(servicePrisma, change.tenantId, async (tx) => {
        const before = await lock(tx, change);
        if (options.deadLetterOnly === true) requireDeadLetter(before, change);
        requireReplayable(before);
        const replayed = await openReplay(tx, change, claim);
        await audit(tx, change, 'delivery.replayed', { replay_no: replayed.delivery.replayNo, from: before.status });
        return replayed;
      }),

    cancel: (change) =>
      withTenant(servicePrisma, change.tenantId, async (tx) => {
        const { status } = await lock(tx, change);
        if (isTerminal(status)) {
          throw invalidState(`cancel of a delivery that is ${status}`, `The delivery has ended: it is ${status}.`);
        }
        const [delivery] = await tx.$queryRaw<Delivery[]>`
          UPDATE hook.deliveries
          SET status = 'CANCELLED', reason = 'CANCELLED', completed_at = now(), next_attempt_at = NULL,
              claimed_by = NULL, claimed_until = NULL, parked_version = NULL, waiting_since = NULL
          WHERE id = ${change.deliveryId} AND tenant_id = ${change.tenantId}
          RETURNING ${Prisma.raw(deliveryColumns())}`;
        if (!delivery) throw notFound(change);
        await audit(tx, change, 'delivery.cancelled', { from: status });
        return delivery;
      }),

    resolve: (change) =>
      withTenant(servicePrisma, change.tenantId, async (tx) => {
        requireDeadLetter(await lock(tx, change), change);
        await tx.$executeRaw`
          UPDATE hook.deliveries SET resolved_at = now(), resolved_by = ${change.actor.name}
          WHERE id = ${change.deliveryId} AND tenant_id = ${change.tenantId}`;
        await audit(tx, change, 'delivery.resolved');
      }),
  };
}

interface LockedDelivery {
  readonly status: DeliveryStatus;
  readonly resolved: boolean;
  /** Null where the webhook is not there any more. */
  readonly webhookState: WebhookState | null;
  readonly webhookDeleted: boolean;
}

/** Whoever changes the delivery next waits until this transaction ends; attempts record before or after it. */
async function lock(tx: TenantTransaction, change: DeliveryChange): Promise<LockedDelivery> {
  const [row] = await tx.$queryRaw<LockedDelivery[]>`
    SELECT d.status, d.resolved_at IS NOT NULL AS resolved, w.state AS "webhookState",
           w.deleted_at IS NOT NULL AS "webhookDeleted"
    FROM hook.deliveries d LEFT JOIN hook.webhook_configs w ON w.id = d.webhook_id
    WHERE d.id = ${change.deliveryId} AND d.tenant_id = ${change.tenantId}
    FOR NO KEY UPDATE OF d`;
  if (!row) throw notFound(change);
  return row;
}

function requireDeadLetter({ status, resolved }: LockedDelivery, change: DeliveryChange): void {
  if (status !== 'DEAD_LETTER' || resolved) throw notFound(change);
}

function requireReplayable({ status, webhookState, webhookDeleted }: LockedDelivery): void {
  if (!isTerminal(status)) {
    throw invalidState(
      `replay of a delivery that is ${status}`,
      `The delivery is ${status}; it can be replayed later.`,
    );
  }
  if (webhookDeleted || webhookState === null) {
    throw invalidState('replay to a deleted webhook', 'Its webhook was deleted.');
  }
  if (webhookState === 'disabled') {
    throw invalidState('replay to a disabled webhook', 'Its webhook is disabled; enable it first.');
  }
}

async function openReplay(tx: TenantTransaction, change: DeliveryChange, claim: Claim): Promise<Replayed> {
  const [row] = await tx.$queryRaw<(Delivery & WebhookOfReplay)[]>`
    UPDATE hook.deliveries d
    SET ${Prisma.raw(opensReplay)}, status = 'PENDING', claimed_by = ${claim.by},
        claimed_until = now() + ${claim.forMs} * interval '1 millisecond'
    FROM hook.webhook_configs w
    WHERE w.id = d.webhook_id AND d.id = ${change.deliveryId} AND d.tenant_id = ${change.tenantId}
    RETURNING ${Prisma.raw(deliveryColumns('d.'))}, w.url, w.retry_policy AS "retryPolicy",
              w.timeout_ms AS "timeoutMs", w.ttl_seconds AS "ttlSeconds", w.consecutive_failures = 0 AS healthy`;
  if (!row) throw notFound(change);
  const { url, retryPolicy, timeoutMs, ttlSeconds, healthy, ...delivery } = row;
  const { id, webhookId, eventId, eventType, replayNo } = delivery;
  const { tenantId } = change;
  const ids = { id, tenantId, webhookId, eventId, eventType, replayNo, started: false };
  return { delivery, claimed: { ...ids, url, retryPolicy, timeoutMs, ttlSeconds, healthy, direct: false } };
}

type WebhookOfReplay = Pick<ClaimedDelivery, 'url' | 'retryPolicy' | 'timeoutMs' | 'ttlSeconds' | 'healthy'>;

async function audit(
  tx: TenantTransaction,
  { tenantId, deliveryId, actor }: DeliveryChange,
  action: AuditAction,
  details: Prisma.InputJsonObject = {},
): Promise<void> {
  await writeAudit(tx, { tenantId, action, actor, target: `delivery:${deliveryId}`, details });
}

function notFound({ deliveryId }: DeliveryChange): EverhookError {
  return new EverhookError('NOT_FOUND', `no such delivery ${deliveryId}`);
}

function invalidState(detail: string, publicMessage: string): EverhookError {
  return new EverhookError('INVALID_STATE', detail, { publicMessage });
}
