/** How payloads are written for Temporal: as JSON in clear, or encrypted along with the messages of failures. */
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import type { Config } from '../config';
import { projectFolder } from '../version';
import { payloadCodec } from './payload-codec';

const built = (...path: string[]): string => join(projectFolder, 'dist', ...path);
const failureConverterPath = built('src', 'temporal', 'failure-converter.js');

/** @returns undefined for Temporal's own @throws ConfigError */
export function dataConverterOf(config: Config): DataConverter | undefined {
  const codec = payloadCodec(config);
  return codec && { payloadCodecs: [codec], failureConverterPath };
}

/**
 * The workflows with the converter that hides what failures say: the sandbox takes it from the bundle only, so the
 * one that `npm run build` makes will not do. Takes seconds, at the start of a worker.
 */
export function bundleForEncryption(): Promise<WorkflowBundle> {
  const workflowsPath = built('workflows', 'index.js');
  return bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [workflowsPath],
    preloadModules: ['@temporalio/workflow', '@temporalio/common'],
    failureConverterPath,
    logger: new DefaultLogger('WARN'),
  });
}
