/** A folder of the test's own, which only our user may enter unless the test opens it. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempFolder {
  root: string;
  path(...segments: string[]): string;
  remove(): void;
}

export function makeTempFolder(): TempFolder {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'everhook-')));
  return {
    root,
    path: (...segments) => join(root, ...segments),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
