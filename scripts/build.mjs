/**
 * `npm run build`: compiles the program and bundles the workflows into dist, unless dist is up to date.
 * The new dist is made beside the old one and swapped in whole: a broken build leaves the old one running.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runLogged } from './child-process.mjs';
import { runAsCommand } from './command.mjs';
import { fingerprint, readStamp } from './fingerprint.mjs';
import { bringUp, createContext } from './part.mjs';
import { withTempFolder } from './temp-folder.mjs';

const bundler = fileURLToPath(new URL('bundle-workflows.mjs', import.meta.url));

export const build = {
  label: 'build',
  why: 'compiling and bundling, about ten seconds',

  isReady({ root }) {
    return readStamp(join(root, 'dist', '.everhook-build')) === sourceHash(root);
  },

  async make({ root, env, logFile }) {
    const dist = join(root, 'dist');
    // Taken before the work, so that a source edited meanwhile makes the next run build again.
    const hash = sourceHash(root);
    await withTempFolder(dist, async (folder) => {
      await runLogged(
        process.execPath,
        [tsc(root), '-p', 'tsconfig.build.json', '--outDir', folder, '--pretty', 'false'],
        {
          cwd: root,
          env,
          logFile: logFile('compile'),
          failure: 'The sources do not compile',
        },
      );
      await runLogged(process.execPath, [bundler, root, folder], {
        cwd: root,
        env,
        logFile: logFile('bundle'),
        failure: 'The workflows could not be bundled',
      });
      writeFileSync(join(folder, '.everhook-build'), hash);
      // The folder being named like a temporary one, a run that dies between the two renames leaves nothing behind.
      const old = `${folder}-old`;
      if (existsSync(dist)) renameSync(dist, old);
      renameSync(folder, dist);
      rmSync(old, { recursive: true, force: true });
    });
    return 'done';
  },
};

function sourceHash(root) {
  const sources = ['src', 'workflows', 'activities'];
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  const own = fingerprint(fileURLToPath(new URL('.', import.meta.url)), ['build.mjs', 'bundle-workflows.mjs']);
  return `${fingerprint(root, [...sources, ...settings], (path) => path.endsWith('.ts'))}-${own}`;
}

function tsc(root) {
  return join(root, 'node_modules', 'typescript', 'bin', 'tsc');
}

runAsCommand(import.meta.url, () => bringUp(build, createContext()));
