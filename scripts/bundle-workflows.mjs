/**
 * Bundles the workflows for Temporal's sandbox: `bundle-workflows.mjs <root> <folder>`. The second bundle has the
 * converter that hides what failures say: the sandbox takes it from nowhere else.
 * It runs as a process of its own, so that the bundler's memory is not the server's.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';

const [root, folder] = process.argv.slice(2);
const workflowsPath = join(root, 'workflows', 'index.ts');
const failureConverterPath = join(root, 'src', 'temporal', 'failure-converter.ts');
const stackTraces = join(root, 'workflows', 'stack-traces.ts');

const options = {
  workflowsPath,
  // The same module exports the workflows and their `interceptors`.
  workflowInterceptorModules: [workflowsPath],
  // Loaded once instead of by each workflow, which saves a tenth of the worker's CPU time. None of them keeps
  // anything of a workflow outside of it.
  preloadModules: [
    ...[stackTraces].filter((path) => existsSync(path)),
    '@temporalio/workflow',
    '@temporalio/common',
    workflowsPath,
  ],
  logger: new DefaultLogger('WARN'),
};

const { code } = await bundleWorkflowCode(options);
writeFileSync(join(folder, 'workflow-bundle.js'), code);
if (existsSync(failureConverterPath)) {
  const { code: encrypting } = await bundleWorkflowCode({ ...options, failureConverterPath });
  writeFileSync(join(folder, 'workflow-bundle-encrypting.js'), encrypting);
}
