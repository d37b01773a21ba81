/** Puts message and stack of a failure where the payload codec encrypts them. Loaded by its path, by name. */
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
