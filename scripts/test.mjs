/**
 * `npm test`: sets up, then runs the static checks and all tests, going on after a failure.
 * `--only unit,api` runs those Jest projects alone; further arguments go to Jest, and the checks are left out. The last line counts everything.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npmCommand, runVisibly } from './child-process.mjs';
import { reportFailure, repositoryRoot, runAsCommand } from './command.mjs';
import { elapsed, say } from './progress.mjs';
import { setUp } from './setup.mjs';

const staticChecks = ['format:check', 'lint', 'type-check', 'dead-code'];
// Test environments stop the servers they started.
const STOP_LIMIT_MS = 5_000;

async function testAll() {
  const { projects, jestArgs } = readArguments(process.argv.slice(2));
  const env = await prepareEnvironment();
  const totals = { passed: 0, failed: env ? 0 : 1, skipped: 0 };

  if (env) {
    const [npm, ...npmArgs] = npmCommand();
    for (const check of projects.length + jestArgs.length > 0 ? [] : staticChecks) {
      const code = await step(check, () =>
        runVisibly(npm, [...npmArgs, 'run', '--silent', check], { cwd: repositoryRoot, env }),
      );
      totals[code === 0 ? 'passed' : 'failed'] += 1;
    }
    add(totals, await runJest(projects, jestArgs, env));
  }

  if (totals.skipped > 0 && process.env.EVERHOOK_REQUIRE_ALL === '1') {
    say(`  ✗ ${totals.skipped} tests were skipped, and EVERHOOK_REQUIRE_ALL=1 wants all of them`);
    totals.failed += 1;
  }
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  say(`\n${totals.passed} passed, ${totals.failed} failed${skipped}`);
  if (totals.failed > 0) process.exitCode = 1;
}

function readArguments(args) {
  const at = args.findIndex((arg) => arg === '--only' || arg.startsWith('--only='));
  if (at === -1) return { projects: [], jestArgs: args };
  const isPair = args[at] === '--only';
  const names = isPair ? (args[at + 1] ?? '') : args[at].slice('--only='.length);
  const jestArgs = args.filter((_arg, index) => index !== at && !(isPair && index === at + 1));
  return { projects: names.split(',').filter((name) => name !== ''), jestArgs };
}

async function prepareEnvironment() {
  try {
    const { temporalCliPath, timeSkippingServerPath, kmsServerPath, prometheusFolder } = await setUp();
    return {
      ...process.env,
      TEMPORAL_CLI_PATH: temporalCliPath,
      TEMPORAL_TEST_SERVER_PATH: timeSkippingServerPath,
      ...(kmsServerPath !== undefined && { KMS_TEST_SERVER_PATH: kmsServerPath }),
      ...(prometheusFolder !== undefined && { PROMETHEUS_FOLDER: prometheusFolder }),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    };
  } catch (error) {
    reportFailure(error);
    return undefined;
  }
}

async function runJest(projects, jestArgs, env) {
  const folder = mkdtempSync(join(tmpdir(), 'everhook-jest-'));
  try {
    const report = join(folder, 'report.json');
    const selection = projects.length > 0 ? ['--selectProjects', ...projects] : [];
    const args = ['node_modules/jest/bin/jest.js', ...selection, '--json', `--outputFile=${report}`, ...jestArgs];
    const code = await step('jest', () => runVisibly(process.execPath, args, { cwd: repositoryRoot, env }));
    return countTests(report, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A test file that could not run counts as one failure, and so does a Jest that fails for a reason beside its tests. */
function countTests(report, code) {
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    const results = JSON.parse(readFileSync(report, 'utf8'));
    counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    say('  ✗ jest ended without a report');
    return { ...counts, failed: 1 };
  }
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

async function step(name, work) {
  const startedAt = Date.now();
  say(`\n── ${name}`);
  const code = await work();
  say(`${code === 0 ? '  ✓' : '  ✗'} ${name} in ${elapsed(startedAt)}`);
  return code;
}

function add(totals, counts) {
  for (const name of Object.keys(totals)) totals[name] += counts[name];
}

runAsCommand(import.meta.url, testAll, { graceMs: STOP_LIMIT_MS });
