/**
 * Seals and opens the secrets Everhook stores; the only part of src/kms that the rest of the code calls.
 * A secret is bound to its place: it opens only for the tenant, table, row and column it was sealed for.
 */
import type { DataKeys } from './data-keys';
import { DecryptionFailed, open, readHeader, seal } from './envelope';

/** Where a secret is stored, for example column `secret_enc` of one row of `webhook_configs`. */
export interface SecretPlace {
  tenantId: string;
  table: string;
  rowId: string;
  column: string;
}

export function createSecretBox({ dataKeys }: { dataKeys: DataKeys }) {
  /**
   * @returns bytes for a bytea column; two calls with the same text differ
   * @throws KmsUnavailable when the tenant's data key is not cached and KMS does not answer
   * @throws DecryptionFailed when the tenant's stored data key was altered
   */
  async function sealAt(place: SecretPlace, plaintext: string): Promise<Buffer> {
    const aad = aadOf(place);
    const { id, key } = await dataKeys.keyForSealing(place.tenantId);
    return seal(key, id, aad, plaintext);
  }

  /**
   * @throws KmsUnavailable when the data key is not cached and KMS does not answer; worth a retry
   * @throws DecryptionFailed when the value was altered, moved or never sealed; not worth one
   */
  async function openAt(place: SecretPlace, sealed: Buffer): Promise<string> {
    const aad = aadOf(place);
    const { dataKeyId } = readHeader(sealed);
    const key = await dataKeys.keyForOpening(place.tenantId, dataKeyId);
    return open(key, aad, sealed);
  }

  /**
   * @returns the same secret, sealed for another place; null when it cannot be decrypted
   * @throws KmsUnavailable, as the other two
   */
  async function move(from: SecretPlace, to: SecretPlace, sealed: Buffer): Promise<Buffer | null> {
    let plaintext: string;
    try {
      plaintext = await openAt(from, sealed);
    } catch (error) {
      if (error instanceof DecryptionFailed) return null;
      throw error;
    }
    return sealAt(to, plaintext);
  }

  return { seal: sealAt, open: openAt, move };
}

export type SecretBox = ReturnType<typeof createSecretBox>;

/** A part with the separator in it could pass for another place, so it is refused. */
function aadOf({ tenantId, table, rowId, column }: SecretPlace): string {
  const parts = [tenantId, table, rowId, column];
  if (parts.some((part) => part === '' || part.includes('|'))) {
    throw new TypeError('each part of a secret place must be non-empty and free of "|"');
  }
  return parts.join('|');
}
