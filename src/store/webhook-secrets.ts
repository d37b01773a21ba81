/** Replacing the secret of a webhook. The one before signs along for a while, so that its receiver can follow. */
import { EverhookError } from '../domain/errors';
import { writeAudit, type Actor } from './audit';
import type { PrismaClient } from './generated/client';
import { withTenant, type TenantTransaction } from './tenant-scope';

export interface SecretRotation {
  readonly tenantId: string;
  readonly webhookId: string;
  /** The new secret, sealed. */
  readonly secretEnc: Buffer;
  /** Seals the current secret for its place as the previous one; null when it cannot be read, and so signs nothing. */
  readonly toPrevious: (secretEnc: Buffer) => Promise<Buffer | null>;
  /** How long the current secret signs along; 0 ends it at once. */
  readonly graceSeconds: number;
  /** Although the secret before the current one still signs: that one is dropped. */
  readonly force: boolean;
  readonly actor: Actor;
}

/**
 * @returns until when the secret that was replaced signs along, or null when it does not
 * @throws NOT_FOUND, ROTATION_IN_PROGRESS, KmsUnavailable
 */
export type RotateWebhookSecret = (rotation: SecretRotation) => Promise<Date | null>;

export function createSecretRotation(prisma: PrismaClient): RotateWebhookSecret {
  return (rotation) =>
    withTenant(prisma, rotation.tenantId, async (tx) => {
      const { tenantId, webhookId, graceSeconds, force, actor } = rotation;
      const current = await lock(tx, tenantId, webhookId);
      if (current.rotatingUntil !== null && !force) {
        const until = current.rotatingUntil.toISOString();
        throw new EverhookError('ROTATION_IN_PROGRESS', `two secrets of ${webhookId} sign until ${until}`, {
          publicMessage: `The secret before the current one signs until ${until}; rotate after that, or drop it by force: true.`,
          details: { previous_secret_expires_at: until },
        });
      }
      const previous = graceSeconds > 0 ? await rotation.toPrevious(Buffer.from(current.secretEnc)) : null;
      const { previousSecretExpiresAt } = await tx.webhookConfig.update({
        where: { id: webhookId },
        data: {
          secretEnc: new Uint8Array(rotation.secretEnc),
          previousSecretEnc: previous && new Uint8Array(previous),
          previousSecretExpiresAt: previous ? new Date(current.now.getTime() + graceSeconds * 1000) : null,
        },
      });
      await writeAudit(tx, {
        tenantId,
        action: 'webhook.secret_rotated',
        actor,
        target: `webhook:${webhookId}`,
        details: { secret: '[changed]', grace_period_seconds: graceSeconds, forced: current.rotatingUntil !== null },
      });
      return previousSecretExpiresAt;
    });
}

interface CurrentSecret {
  readonly secretEnc: Uint8Array;
  /** Null unless the secret before the current one signs along. */
  readonly rotatingUntil: Date | null;
  readonly now: Date;
}

/** Of two rotations at a time the second one finds what the first one has written. */
async function lock(tx: TenantTransaction, tenantId: string, webhookId: string): Promise<CurrentSecret> {
  // The database's clock, by which attempts judge whether the previous secret still signs.
  const [row] = await tx.$queryRaw<CurrentSecret[]>`
    SELECT secret_enc AS "secretEnc", now() AS now,
           CASE WHEN previous_secret_expires_at > now() THEN previous_secret_expires_at END AS "rotatingUntil"
    FROM hook.webhook_configs
    WHERE id = ${webhookId} AND tenant_id = ${tenantId} AND deleted_at IS NULL FOR UPDATE`;
  if (!row) throw new EverhookError('NOT_FOUND', `no webhook ${webhookId}`);
  return row;
}
