/** Runs a script as a process of its own that can require our TypeScript, for tests of what dies with a process. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const loader = `
  const { readFileSync } = require('node:fs');
  const { transformSync } = require(${JSON.stringify(require.resolve('@swc/core'))});
  const options = { module: { type: 'commonjs' }, jsc: { parser: { syntax: 'typescript' }, target: 'es2023' } };
  require('node:module')._extensions['.ts'] = (module, file) =>
    module._compile(transformSync(readFileSync(file, 'utf8'), options).code, file);
`;

/** The script finds the folder of the embedded modules in `embedded`; it ends when the test disconnects. */
export function forkScript(file: string, script: string, args: string[] = []): ChildProcess {
  const embedded = join(__dirname, '../../../src/embedded');
  const channel = `process.on('message', () => undefined); process.on('disconnect', () => process.exit());`;
  // Put in place whole: a process forked just before from the same file may be reading it.
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, `${loader}${channel}const embedded = ${JSON.stringify(embedded)};${script}`);
  renameSync(draft, file);
  return fork(file, args);
}
