/**
 * The packages in node_modules, installed as package-lock.json says.
 * Packages that a hand-run npm already put in place are kept; an install cut short is done again.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npmCommand, runLogged } from './child-process.mjs';
import { readStamp } from './fingerprint.mjs';

export const dependencies = {
  label: 'dependencies',
  why: 'installing the packages, about a minute the first time',

  isReady({ root }) {
    const stamp = readStamp(stampPath(root));
    if (stamp === stampFor(root)) return true;
    if (stamp?.startsWith(`${platform()} `) === false || !matchesLockFile(root)) return false;
    writeFileSync(stampPath(root), stampFor(root));
    return true;
  },

  async make({ root, env, logFile }) {
    const [npm, ...npmArgs] = npmCommand(env);
    // The build needs the development packages, which NODE_ENV=production would leave out.
    await runLogged(npm, [...npmArgs, 'ci', '--include=dev', '--no-audit', '--no-fund', '--prefer-offline'], {
      cwd: root,
      env,
      logFile: logFile('dependencies'),
      failure:
        'The packages could not be installed: this takes npm, which comes with Node.js, and a connection to its registry',
    });
    writeFileSync(stampPath(root), stampFor(root));
    return 'installed';
  },
};

function stampPath(root) {
  return join(root, 'node_modules', '.everhook-setup');
}

/** Holds the time of npm's own record too, because any later npm command in this folder changes it. */
function stampFor(root) {
  const manifest = readJson(join(root, 'package.json'));
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(JSON.stringify([manifest.dependencies, manifest.devDependencies, manifest.overrides]))
    .digest('hex');
  const record = installedRecord(root);
  return `${platform()} ${hash} ${existsSync(record) ? Math.trunc(statSync(record).mtimeMs) : 'partial'}`;
}

function platform() {
  return `${process.platform}-${process.arch}-node${process.versions.node.split('.')[0]}`;
}

/** npm writes this file last, so a partial install lacks it. */
function installedRecord(root) {
  return join(root, 'node_modules', '.package-lock.json');
}

function matchesLockFile(root) {
  const installed = readJson(installedRecord(root))?.packages;
  if (!installed) return false;
  const wanted = Object.entries(readJson(join(root, 'package-lock.json')).packages);
  return wanted.every(([path, entry]) => {
    if (path === '') return true;
    if (!installed[path]) return entry.optional === true && !isForThisPlatform(entry);
    return installed[path].version === entry.version && existsSync(join(root, path));
  });
}

function isForThisPlatform({ os, cpu, libc }) {
  // Which C library the machine has is npm's to know.
  if (!os || !cpu || libc) return false;
  return os.includes(process.platform) && cpu.includes(process.arch);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
