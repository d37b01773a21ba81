/** The secret of a tenant's client credentials, as it is made: shown once, kept as a hash. */
import { randomBytes } from 'node:crypto';
import { hashSecret } from '../../secret-hash';

export function newClientSecret(): { clientSecret: string; clientSecretHash: Buffer } {
  const clientSecret = `ehs_${randomBytes(32).toString('base64url')}`;
  return { clientSecret, clientSecretHash: hashSecret(clientSecret) };
}
