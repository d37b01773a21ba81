/**
 * `npm run setup`: brings a fresh clone to the point where it runs, and does nothing where that is done.
 * Uses Node.js alone, because it runs before there are packages.
 */
import { build } from './build.mjs';
import { runAsCommand } from './command.mjs';
import { dependencies } from './dependencies.mjs';
import { embeddedPostgres } from './embedded-postgres.mjs';
import { kmsServer } from './kms-server.mjs';
import { checkNodeVersion } from './node-version.mjs';
import { bringUp, createContext } from './part.mjs';
import { prometheus } from './prometheus.mjs';
import { storeClient } from './store-client.mjs';
import { temporalCli } from './temporal-cli.mjs';
import { timeSkippingServer } from './time-skipping-server.mjs';

/** In the order in which they need each other. */
const allParts = {
  dependencies,
  postgres: embeddedPostgres,
  client: storeClient,
  build,
  temporal: temporalCli,
  'time-skipping': timeSkippingServer,
  'kms-server': kmsServer,
  prometheus,
};

/** What the tests alone run on is left out. */
export const partsForStart = Object.keys(allParts).filter(
  (name) => !['time-skipping', 'kms-server', 'prometheus'].includes(name),
);

/**
 * @param options.parts what is needed, by name; all parts unless given
 * @returns the paths of the servers among the parts: `temporalCliPath`, `timeSkippingServerPath`,
 *   and `kmsServerPath` and `prometheusFolder` unless they cannot be had
 * @throws SetupError with one sentence that names what is missing and how to get it
 */
export async function setUp({ parts = Object.keys(allParts), ...options } = {}) {
  checkNodeVersion();
  const context = createContext(options);
  for (const [name, part] of Object.entries(allParts)) {
    if (parts.includes(name)) await bringUp(part, context);
  }
  return context.found;
}

runAsCommand(import.meta.url, () => setUp());
