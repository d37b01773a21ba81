/** What is asked for in the Temporal UI: on whose account it goes, and how a refusal is told. */
import { ApplicationFailure } from '@temporalio/activity';
import { EverhookError } from '../src/domain/errors';
import type { Actor } from '../src/store/audit';

/** The UI does not say who sits before it. */
export const temporalUi: Actor = { name: 'temporal-ui' };

/**
 * What is refused once will be refused again, so it is not tried again and the person is told.
 *
 * @throws ApplicationFailure with the public message, of the error code as its type
 */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EverhookError) || error.code === 'UNAVAILABLE') throw error;
    throw ApplicationFailure.nonRetryable(error.publicMessage, error.code);
  }
}
