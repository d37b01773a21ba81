/**
 * Finds Temporal's time-skipping server, which only the workflow tests need, or gets it:
 * TEMPORAL_TEST_SERVER_PATH, our cache, Temporal's download, its Java program through Maven.
 */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheFolder } from './cache-folder.mjs';
import { outputOf, runLogged, startProgram } from './child-process.mjs';
import { downloadArchive, downloadJson, temporalPlatform, temporalSite } from './download.mjs';
import { isExecutable } from './executable.mjs';
import { withLock } from './lock.mjs';
import { createContext } from './part.mjs';
import { groupIsAlive, killGroup } from './process-group.mjs';
import { SetupError } from './setup-error.mjs';
import { withTempFolder } from './temp-folder.mjs';

const JAVA_PROGRAM_VERSION = '1.38.0';
const OLDEST_JAVA = 11;
const START_LIMIT_MS = 30_000;
const executable = process.platform === 'win32' ? 'temporal-test-server.exe' : 'temporal-test-server';

export const timeSkippingServer = {
  label: 'time-skipping server',
  why: 'getting what the workflow tests run on, once for all checkouts',

  isReady({ root, env, found }) {
    found.timeSkippingServerPath = findTimeSkippingServer(root, env);
    return found.timeSkippingServerPath !== undefined;
  },

  async make(context) {
    const { path, how } = await installTimeSkippingServer(context);
    context.found.timeSkippingServerPath = path;
    return how;
  },
};

/**
 * The path of a time-skipping server that runs, installed if need be.
 *
 * @public
 * @throws SetupError that names the ways to get one
 */
export async function resolveTimeSkippingServer(options = {}) {
  const context = { ...createContext(options), ...options };
  return findTimeSkippingServer(context.root, context.env) ?? (await installTimeSkippingServer(context)).path;
}

function findTimeSkippingServer(root, env) {
  const given = env.TEMPORAL_TEST_SERVER_PATH;
  if (given && !isExecutable(given)) {
    throw new SetupError(
      `TEMPORAL_TEST_SERVER_PATH is set to ${given}, which is not a program that can be run: correct or unset it.`,
    );
  }
  return given || cachedPaths(root, env).find((path) => isExecutable(path));
}

async function installTimeSkippingServer({ root, env, log, logFile, site = temporalSite }) {
  const lock = join(cacheFolder(env), 'temporal-test-server.lock');
  return withLock(lock, { what: 'the time-skipping server', log }, async () => {
    const path = findTimeSkippingServer(root, env);
    if (path) return { path, how: 'found' };
    return withTempFolder(join(cacheFolder(env), 'temporal-test-server', 'new'), async (folder) => {
      const tools = { env, folder, logFile };
      try {
        await download(site, sdkVersion(root), tools);
        return { path: moveIntoPlace(folder, downloadFolder(root, env)), how: 'downloaded' };
      } catch (error) {
        log(`    time-skipping server no download (${error.message.split('\n')[0]})`);
      }
      await requireMaven(site, env);
      log('    time-skipping server taking the Java program through Maven, less than a minute');
      await installJavaProgram(tools);
      return { path: moveIntoPlace(folder, javaFolder(env)), how: 'installed' };
    });
  });
}

/** Asks the way the SDK does: Temporal's site knows which server belongs to an SDK. */
async function download(site, version, { env, folder, logFile }) {
  const machine = temporalPlatform();
  if (!machine) throw new Error(`there is none for ${process.platform} on ${process.arch}`);
  const query = new URLSearchParams({
    ...machine,
    format: 'tar.gz',
    'sdk-name': 'sdk-typescript',
    'sdk-version': version,
  });
  const { archiveUrl, fileToExtract } = await downloadJson(`${site}/temporal-test-server/default?${query}`);
  await downloadArchive(archiveUrl, folder, logFile('time-skipping-server-download'));
  const program = join(folder, executable);
  if (join(folder, fileToExtract) !== program) renameSync(join(folder, fileToExtract), program);
  rmSync(join(folder, 'archive.tar.gz'));
  await requireStarting(program, env, logFile);
}

async function installJavaProgram({ env, folder, logFile }) {
  writeFileSync(join(folder, 'pom.xml'), pom);
  await runLogged(
    'mvn',
    ['-B', '-q', `${copyGoal}:copy-dependencies`, '-DincludeScope=runtime', '-DoutputDirectory=lib'],
    {
      cwd: folder,
      env,
      logFile: logFile('time-skipping-server-maven'),
      failure: 'Maven could not get the time-skipping server',
    },
  );
  const program = join(folder, executable);
  writeFileSync(program, startScript);
  chmodSync(program, 0o755);
  await requireStarting(program, env, logFile);
}

async function requireMaven(site, env) {
  const java = await outputOf(env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java', ['-version'], env);
  const lacking = [
    ...(javaMajor(java) >= OLDEST_JAVA ? [] : [`Java ${OLDEST_JAVA} or newer`]),
    ...((await outputOf('mvn', ['-v'], env)) === undefined ? ['Maven'] : []),
    ...(process.platform === 'win32' ? ['a shell for its start script'] : []),
  ];
  if (lacking.length === 0) return;
  throw new SetupError(
    'The time-skipping server that the workflow tests run on is missing and can neither be downloaded ' +
      `from ${new URL(site).host} nor installed through Maven, for want of ${lacking.join(' and ')}. ` +
      'Do one of these and start again: install Java 17 (https://adoptium.net) and Maven (https://maven.apache.org); ' +
      'or set TEMPORAL_TEST_SERVER_PATH to a temporal-test-server (https://github.com/temporalio/sdk-java/releases).',
  );
}

/** Java 8 and older call themselves 1.8 and so on. */
function javaMajor(output = '') {
  const [, major, minor] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  return major === '1' ? Number(minor) : Number(major);
}

/** The program has no `--version`: that it opens its port is the proof that it runs here. */
async function requireStarting(program, env, logFile) {
  const port = await freePort();
  const log = openSync(logFile('time-skipping-server-start'), 'w');
  const server = startProgram(program, [String(port)], { env, stdio: ['ignore', log, log] });
  const deadline = Date.now() + START_LIMIT_MS;
  let failed = false;
  server.once('error', () => (failed = true));
  server.once('exit', () => (failed = true));
  try {
    while (!(await accepts(port))) {
      if (failed || Date.now() > deadline) {
        throw new SetupError(`The time-skipping server does not start: see ${logFile('time-skipping-server-start')}.`);
      }
      await delay(100);
    }
  } finally {
    closeSync(log);
    if (server.pid) killGroup(server.pid, 'SIGKILL');
    while (server.pid && groupIsAlive(server.pid)) await delay(20);
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

function moveIntoPlace(folder, goal) {
  rmSync(goal, { recursive: true, force: true });
  mkdirSync(join(goal, '..'), { recursive: true });
  renameSync(folder, goal);
  return join(goal, executable);
}

function cachedPaths(root, env) {
  return [downloadFolder(root, env), javaFolder(env)].map((folder) => join(folder, executable));
}

function downloadFolder(root, env) {
  return join(cacheFolder(env), 'temporal-test-server', `sdk-typescript-${sdkVersion(root)}`);
}

function javaFolder(env) {
  return join(cacheFolder(env), 'temporal-test-server', JAVA_PROGRAM_VERSION);
}

function sdkVersion(root) {
  return JSON.parse(readFileSync(join(root, 'node_modules', '@temporalio', 'testing', 'package.json'), 'utf8')).version;
}

const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.everhook</groupId>
  <artifactId>time-skipping-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${JAVA_PROGRAM_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

// Flags for a quick start of a program that lives for one test file.
const startScript = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
java=\${JAVA_HOME:+$JAVA_HOME/bin/java}
exec "\${java:-java}" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto \\
  -cp "$here/lib/*" io.temporal.testserver.TestServer "$@"
`;
