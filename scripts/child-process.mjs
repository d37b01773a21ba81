/**
 * Runs the programs that set-up needs, each in its own process group with its output in a log file.
 * A failure shows the end of that log, an interruption ends the whole group.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { noteChildInLocks } from './lock.mjs';
import { killGroup, signalProcess } from './process-group.mjs';
import { SetupError } from './setup-error.mjs';

const TAIL_LINES = 15;
// On Windows `detached` would open a console window, and `taskkill` needs no group.
const detached = process.platform !== 'win32';

const running = new Set();
let isEnding = false;

/**
 * @param options.logFile where the output goes
 * @param options.limitMs how long it may take; for ever unless given
 * @param options.failure the sentence that a failure is reported with
 * @throws SetupError with the end of the log when the program cannot start or fails
 */
export async function runLogged(command, args, { logFile, failure, limitMs, cwd, env = process.env }) {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  writeSync(log, `$ ${[command, ...args].join(' ')}\n`);
  try {
    await run(command, args, { cwd, env, stdio: ['ignore', log, log] }, limitMs);
  } catch (error) {
    throw new SetupError(`${failure} (${error.message}). The end of ${logFile}:\n${tail(logFile)}`);
  } finally {
    closeSync(log);
  }
}

/** Runs a program to its end; the answer is its exit code. Its output goes to the terminal. */
export async function runVisibly(command, args, { cwd, env = process.env }) {
  return new Promise((resolve, reject) => {
    const child = startProgram(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** @returns what the program prints, or undefined when it cannot run, fails or takes longer than ten seconds */
export async function outputOf(command, args, env = process.env) {
  return new Promise((resolve) => {
    const child = startProgram(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const limit = setTimeout(() => killGroup(child.pid, 'SIGKILL'), 10_000);
    const settle = (answer) => {
      clearTimeout(limit);
      resolve(answer);
    };
    child.once('error', () => settle(undefined));
    child.once('close', (code) => settle(code === 0 ? output : undefined));
  });
}

/** Starts a program in its own process group, which an interruption of ours ends. */
export function startProgram(command, args, options) {
  const child = spawn(command, args, { ...options, detached, windowsHide: true });
  if (child.pid === undefined) return child;
  running.add(child.pid);
  noteChildInLocks(child.pid);
  // Whoever asked for it has not heard yet that everything ends.
  if (isEnding) signalProcess(child.pid, 'SIGTERM');
  child.once('exit', () => {
    running.delete(child.pid);
    noteChildInLocks(undefined);
  });
  return child;
}

/**
 * Ends every program that still runs. The program itself is asked first, because it may have children
 * to stop in order; what is left of its group afterwards is ended at once.
 */
export async function endRunningPrograms(graceMs) {
  isEnding = true;
  const deadline = Date.now() + graceMs;
  const groups = new Set(running);
  for (const pid of groups) signalProcess(pid, 'SIGTERM');
  while (running.size > 0 && Date.now() < deadline) await delay(20);
  // What started meanwhile, because a program's end let its caller go on, is ended as well.
  for (const pid of new Set([...groups, ...running])) killGroup(pid, 'SIGKILL');
}

/** npm's own path when npm started us, else the npm on PATH. */
export function npmCommand(env = process.env) {
  if (env.npm_execpath?.endsWith('npm-cli.js')) return [process.execPath, env.npm_execpath];
  return process.platform === 'win32' ? ['cmd', '/c', 'npm'] : ['npm'];
}

function run(command, args, options, limitMs) {
  return new Promise((resolve, reject) => {
    const child = startProgram(command, args, options);
    let isOver = false;
    const limit =
      limitMs &&
      setTimeout(() => {
        isOver = true;
        killGroup(child.pid, 'SIGKILL');
      }, limitMs);
    child.once('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      if (code === 0) resolve();
      else if (isOver) reject(new Error(`took longer than ${limitMs / 1000} s`));
      else reject(new Error(signal ? `ended by ${signal}` : `exit code ${code}`));
    });
  });
}

function tail(path) {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines
    .slice(-TAIL_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}
