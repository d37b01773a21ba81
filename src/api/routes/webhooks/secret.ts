/** The secret of a webhook, as a client brings it along or as it is made for one. */
import { checkSecret, generateSecret } from '../../../delivery/sign';
import { invalidField } from '../../../domain/errors';

/** @throws VALIDATION_ERROR when what was given cannot be a secret */
export function givenOrGenerated(secret: string | undefined): string {
  if (secret === undefined) return generateSecret();
  const problem = checkSecret(secret);
  if (problem !== undefined) throw invalidField('secret', problem);
  return secret;
}
