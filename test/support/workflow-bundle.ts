/** The workflows as a worker runs them, bundled once for whoever needs them. */
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

export async function bundleWorkflows(): Promise<string> {
  const workflowsPath = join(__dirname, '..', '..', 'workflows', 'index.ts');
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [workflowsPath],
    logger: new DefaultLogger('ERROR'),
  });
  return code;
}
