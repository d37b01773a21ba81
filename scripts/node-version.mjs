/** The Node.js releases that can `require` ES modules, which several of our dependencies are. */
import { SetupError } from './setup-error.mjs';

/** The first usable minor release of each major; later majors are all usable. */
const firstMinor = { 20: 19, 22: 12 };
const FIRST_MAJOR_WITHOUT_LIMIT = 24;

/** @throws SetupError when this Node.js is too old */
export function checkNodeVersion(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major >= FIRST_MAJOR_WITHOUT_LIMIT || minor >= firstMinor[major]) return;
  throw new SetupError(
    `Everhook needs Node.js 20.19, 22.12 or 24 and newer, and this is ${version}: ` +
      'install one from https://nodejs.org or with your version manager (.nvmrc names the one we use).',
  );
}
