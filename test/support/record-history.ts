import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';

/** Saves a history for the replay tests, when RECORD_HISTORIES is set. */
export async function recordHistory(handle: Pick<WorkflowHandle, 'fetchHistory'>, name: string): Promise<void> {
  if (!process.env['RECORD_HISTORIES']) return;
  const file = join(__dirname, '..', 'replay', 'histories', `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(JSON.parse(historyToJSON(await handle.fetchHistory()), bare), null, 1)}\n`);
}

/** Names of machines and stack traces with their paths have no place in a repository, and replay needs neither. */
function bare(key: string, value: unknown): unknown {
  if (key === 'identity') return 'worker';
  if (key === 'stackTrace') return '';
  // A worker's own task queue is named after its machine.
  return typeof value === 'string' ? value.replaceAll(hostname(), 'host') : value;
}
