/** The version that the API, the User-Agent and the logs name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder that holds package.json: one level up from the sources, two from the built files. */
export const projectFolder = findProject(__dirname);

export const version = (JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as { version: string })
  .version;

function findProject(folder: string): string {
  try {
    readFileSync(join(folder, 'package.json'));
    return folder;
  } catch {
    const parent = join(folder, '..');
    if (parent === folder) throw new Error('package.json of Everhook is missing');
    return findProject(parent);
  }
}
