/**
 * Histories of past runs against the workflows of today. A change that makes one of them diverge would
 * break deliveries that are under way while it is rolled out.
 * Recorded by `RECORD_HISTORIES=1 npx jest --selectProjects workflows` with `history` named in a test; those of the
 * control workflow by the project e2e, because the time-skipping server does not continue a cancelled run as new.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { installQuietRuntime } from '../support/quiet-runtime';
import { bundleWorkflows } from '../support/workflow-bundle';

const folder = join(__dirname, 'histories');
const names = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

interface SavedHistory {
  events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
}

function load(name: string): SavedHistory {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as SavedHistory;
}

let bundleFolder: string;
let workflowBundle: { codePath: string };

beforeAll(async () => {
  installQuietRuntime();
  bundleFolder = mkdtempSync(join(tmpdir(), 'everhook-replay-'));
  await bundleWorkflows(bundleFolder);
  workflowBundle = { codePath: join(bundleFolder, 'workflow-bundle.js') };
}, 60_000);

afterAll(() => rmSync(bundleFolder, { recursive: true }));

it.each(names)('%s still runs the same course', async (name) => {
  await Worker.runReplayHistory({ workflowBundle }, load(name));
});

it('a course that has changed is noticed', async () => {
  const history = load('retry-now-during-backoff');
  for (const { activityTaskScheduledEventAttributes: scheduled } of history.events) {
    if (scheduled) scheduled.activityType.name = 'somethingElse';
  }

  const replay = Worker.runReplayHistory({ workflowBundle }, history);

  await expect(replay).rejects.toThrow(DeterminismViolationError);
});
