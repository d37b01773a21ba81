/** Failures that people read in the Temporal UI. */
import { ApplicationFailure } from '@temporalio/workflow';

/** Where in the program it was made tells staff nothing and pushes what does out of their sight: no stack trace. */
export function failureForStaff(message: string, type?: string | null, details: unknown[] = []): ApplicationFailure {
  const failure = ApplicationFailure.nonRetryable(message, type, ...details);
  failure.stack = '';
  return failure;
}
