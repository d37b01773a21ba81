/** The generated Prisma client, made again whenever the schema or Prisma itself changes. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runLogged } from './child-process.mjs';
import { fingerprint, readStamp } from './fingerprint.mjs';

const generated = join('src', 'store', 'generated');

export const storeClient = {
  label: 'database client',
  why: 'generating it from prisma/schema.prisma',

  isReady({ root }) {
    return readStamp(stampPath(root)) === sourceHash(root) && existsSync(join(root, generated, 'client.ts'));
  },

  async make({ root, env, logFile }) {
    const hash = sourceHash(root);
    rmSync(stampPath(root), { force: true });
    await runLogged(process.execPath, ['node_modules/prisma/build/index.js', 'generate', '--no-hints'], {
      cwd: root,
      env: {
        ...env,
        PRISMA_SCHEMA_ENGINE_BINARY: standInEngine(),
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
      logFile: logFile('store-client'),
      failure: 'The database client could not be generated',
    });
    writeFileSync(stampPath(root), hash);
    return 'generated';
  },
};

/** Generating needs no schema engine, but Prisma would download one unless it is given a program that exists. */
function standInEngine() {
  return ['/bin/true', '/usr/bin/true'].find((path) => existsSync(path)) ?? process.execPath;
}

function stampPath(root) {
  return join(root, generated, '.everhook-client');
}

function sourceHash(root) {
  return fingerprint(root, ['prisma/schema.prisma', 'prisma.config.ts', 'node_modules/prisma/package.json']);
}
