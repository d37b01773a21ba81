/**
 * An independent KMS server (moto, from PyPI) against which the tests check what they found with our own emulator.
 * Nothing but these tests needs it, so where it cannot be had they are skipped: KMS_TEST_SERVER_PATH, our cache, pip.
 */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.mjs';
import { outputOf, runLogged } from './child-process.mjs';
import { isExecutable } from './executable.mjs';
import { withLock } from './lock.mjs';
import { SetupError } from './setup-error.mjs';
import { withTempFolder } from './temp-folder.mjs';

const VERSION = '5.2.5';
// What `moto[server]` names besides is for services other than KMS, and twice as much.
const packages = [`moto==${VERSION}`, 'flask==3.1.3', 'flask-cors==6.0.5'];
const INSTALL_LIMIT_MS = 60_000;
const executable = 'kms-server';

export const kmsServer = {
  label: 'KMS server',
  why: `getting moto ${VERSION}, which some tests of encryption compare with, once for all checkouts`,

  async isReady({ env, found }) {
    found.kmsServerPath = await findKmsServer(env);
    return found.kmsServerPath !== undefined;
  },

  async make(context) {
    try {
      context.found.kmsServerPath = await installKmsServer(context);
      return 'installed';
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      context.log(`    KMS server           ${error.message}`);
      return 'left out, its tests are skipped,';
    }
  },
};

async function findKmsServer(env) {
  const given = env.KMS_TEST_SERVER_PATH;
  if (given && !isExecutable(given)) {
    throw new SetupError(
      `KMS_TEST_SERVER_PATH is set to ${given}, which is not a program that can be run: correct or unset it.`,
    );
  }
  if (given) return given;
  const path = join(await serverFolder(env), executable);
  return isExecutable(path) ? path : undefined;
}

async function installKmsServer({ env, log, logFile }) {
  if (process.platform === 'win32') throw new SetupError('there is no start script for Windows');
  const folder = await serverFolder(env);
  return withLock(join(cacheFolder(env), 'kms-server.lock'), { what: 'the KMS server', log }, async () => {
    const path = join(folder, executable);
    if (isExecutable(path)) return path;
    await withTempFolder(folder, async (newFolder) => {
      await runLogged(
        'python3',
        [
          ...'-m pip install --quiet --disable-pip-version-check --no-input'.split(' '),
          ...'--retries 1 --timeout 10 --only-binary :all: --target'.split(' '),
          join(newFolder, 'packages'),
          ...packages,
        ],
        {
          cwd: newFolder,
          env,
          logFile: logFile('kms-server'),
          limitMs: INSTALL_LIMIT_MS,
          failure: 'moto could not be installed with Python 3 and pip',
        },
      );
      const program = join(newFolder, executable);
      writeFileSync(program, startScript);
      chmodSync(program, 0o755);
      mkdirSync(join(folder, '..'), { recursive: true });
      renameSync(newFolder, folder);
    });
    return path;
  });
}

const startScript = `#!/bin/sh
# Arguments: -H <host> -p <port>
PYTHONPATH="$(dirname "$0")/packages" exec python3 -m moto.server "$@"
`;

/** Packages with compiled parts serve the minor version of Python that installed them. */
async function serverFolder(env) {
  const [, python = 'none'] = /Python (\d+\.\d+)/.exec((await outputOf('python3', ['--version'], env)) ?? '') ?? [];
  return join(cacheFolder(env), 'moto', `${VERSION}-python${python}`);
}
