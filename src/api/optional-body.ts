/** For routes whose fields may all be left out: no body says the same as an empty one. */
export function emptyBodyByDefault(request: { body: unknown }, _reply: unknown, done: () => void): void {
  request.body ??= {};
  done();
}
