/**
 * What a worker can run: one export per workflow type, and the interceptors of all of them.
 * With Worker Versioning a delivery ends on the release that it began on; a control workflow lives as long as its
 * webhook and moves on with every release, so that its changes are guarded by `patched` (docs/upgrades.md).
 */
import type { WorkflowDefinitionOptions } from '@temporalio/common';
import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';
import { delivery } from './delivery';
import { maintenance } from './maintenance';
import { webhookControl } from './webhook-control';

/** The server refuses a behaviour that comes from a worker without a deployment. */
function whenVersioned(versioningBehavior: 'PINNED' | 'AUTO_UPGRADE'): () => WorkflowDefinitionOptions {
  return () => (workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior } : {});
}

setWorkflowOptions(whenVersioned('PINNED'), delivery);
setWorkflowOptions(whenVersioned('AUTO_UPGRADE'), webhookControl);
setWorkflowOptions(whenVersioned('PINNED'), maintenance);

export { interceptors } from './start-header';
export { delivery, maintenance, webhookControl };
