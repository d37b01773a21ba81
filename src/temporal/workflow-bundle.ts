/** Which of the bundles that `npm run build` makes a worker runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowBundleOption } from '@temporalio/worker';
import type { Config } from '../config';
import { payloadCodec } from './payload-codec';

/** @param folder that holds them @throws ConfigError as `payloadCodec` does, or the error of the file system when there is no build */
export function workflowBundleOf(config: Config, folder: string): WorkflowBundleOption {
  const name = payloadCodec(config) ? 'workflow-bundle-encrypting.js' : 'workflow-bundle.js';
  const codePath = join(folder, name);
  if (!config.WORKFLOW_STACK_TRACES) return { codePath };
  return { code: `globalThis.everhookStackTraces = true;\n${readFileSync(codePath, 'utf8')}` };
}
