/** Starting the control workflows of webhooks and telling them that there is something to do. */
import type { Client } from '@temporalio/client';
import { WorkflowIdConflictPolicy } from '@temporalio/common';
import { controlWorkflowId, type WebhookIds } from '../domain/ids';
import { changedSignalName, webhookControlType, type WebhookControlInput } from './contracts';
import { searchAttributes } from './search-attributes';

export interface ControlOptions {
  readonly taskQueue: string;
  /** False where the server could not register them. */
  readonly withSearchAttributes: boolean;
}

const timeoutMs = 5_000;

/** Starts the control workflow when there is none. @throws the client's error when Temporal does not answer */
export async function pokeControl(client: Client, webhook: WebhookIds, options: ControlOptions): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.signalWithStart(webhookControlType, {
      ...startOptions(webhook, options),
      signal: changedSignalName,
    }),
  );
}

/** Leaves one that runs alone. @throws the client's error when Temporal does not answer */
export async function ensureControl(client: Client, webhook: WebhookIds, options: ControlOptions): Promise<void> {
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(webhookControlType, {
      ...startOptions(webhook, options),
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    }),
  );
}

/** The webhooks whose control workflow runs, as far as the visibility store knows by now. */
export async function runningControls(client: Client): Promise<Set<string>> {
  const prefix = controlWorkflowId('');
  const ids = new Set<string>();
  const query = `WorkflowType = '${webhookControlType}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    if (workflowId.startsWith(prefix)) ids.add(workflowId.slice(prefix.length));
  }
  return ids;
}

function startOptions({ tenantId, webhookId }: WebhookIds, options: ControlOptions) {
  const input: WebhookControlInput = { webhook_id: webhookId, tenant_id: tenantId };
  return {
    workflowId: controlWorkflowId(webhookId),
    taskQueue: options.taskQueue,
    args: [input] as [WebhookControlInput],
    staticSummary: `Webhook of ${tenantId}: pause, resume, disable, enable, replay`,
    ...(options.withSearchAttributes && {
      typedSearchAttributes: [
        { key: searchAttributes.tenantId, value: tenantId },
        { key: searchAttributes.webhookId, value: webhookId },
      ],
    }),
  };
}
