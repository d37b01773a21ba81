/** Finds the browser that takes the screenshots; it is no package, because only who changes the UI's texts needs it. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from '../setup-error.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** @returns the path of the program @throws SetupError that says where it was looked for */
export function findChromium(env = process.env) {
  const asked = env.CHROMIUM_PATH;
  if (asked) {
    if (isProgram(asked)) return asked;
    throw new SetupError(`CHROMIUM_PATH is ${asked}, which is no program that can be run.`);
  }
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    const path = folders.map((folder) => join(folder, name)).find(isProgram);
    if (path !== undefined) return path;
  }
  throw new SetupError(
    `The screenshots need Chromium or Chrome. None of ${names.join(', ')} is on PATH: install one ` +
      '(Debian: apt-get install chromium), or set CHROMIUM_PATH to its program.',
  );
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
