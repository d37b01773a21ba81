/** A failure the reader can act on: printed as its message alone, without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}
