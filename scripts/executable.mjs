import { accessSync, constants, statSync } from 'node:fs';

/** Whether a program is there that may be run. */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
