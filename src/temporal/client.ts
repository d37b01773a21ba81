/**
 * Starting delivery workflows. The one place that decides a start's id, policy for repeats, header,
 * search attributes and summary.
 */
import { Client, WorkflowExecutionAlreadyStartedError, type ConnectionLike } from '@temporalio/client';
import { WorkflowIdReusePolicy, type SearchAttributePair } from '@temporalio/common';
import { deliveryWorkflowId } from '../domain/ids';
import { deliveryWorkflowType, type DeliveryInput } from './contracts';
import { searchAttributes } from './search-attributes';
import { startHeader, withStartHeader } from './start-header';

export function createTemporalClient(connection: ConnectionLike, namespace: string): Client {
  return new Client({ connection, namespace, interceptors: { workflow: [startHeader] } });
}

export interface DeliveryStart {
  readonly input: DeliveryInput;
  readonly replayNo: number;
  /** Shown in the UI; only its origin is. */
  readonly url: string;
}

export interface StartOptions {
  readonly taskQueue: string;
  /** The first workflow task comes with the start's answer; only when this process runs a worker. */
  readonly eager: boolean;
  /** False where the server could not register them. */
  readonly withSearchAttributes: boolean;
}

/**
 * @returns `exists` when the workflow was started before: another process took the delivery over
 * @throws the client's error when Temporal does not answer
 */
export async function startDelivery(
  client: Client,
  start: DeliveryStart,
  { taskQueue, eager, withSearchAttributes }: StartOptions,
): Promise<'eager' | 'queued' | 'exists'> {
  const { input, replayNo, url } = start;
  try {
    const handle = await withStartHeader(replayNo, () =>
      client.workflow.start(deliveryWorkflowType, {
        workflowId: deliveryWorkflowId(input.delivery_id),
        taskQueue,
        args: [input],
        // A first run is started once and never again; a replay follows a run that has ended.
        workflowIdReusePolicy:
          replayNo === 0 ? WorkflowIdReusePolicy.REJECT_DUPLICATE : WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        requestEagerStart: eager,
        staticSummary: summaryOf(input, url),
        ...(withSearchAttributes && { typedSearchAttributes: attributesOf(input) }),
      }),
    );
    return handle.eagerlyStarted ? 'eager' : 'queued';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'exists';
    throw error;
  }
}

/** Path and query may be secrets of the receiver, so the summary ends at the host. */
function summaryOf(input: DeliveryInput, url: string): string {
  return `${input.event_type} → ${new URL(url).origin}/... (${input.tenant_id})`;
}

function attributesOf(input: DeliveryInput): SearchAttributePair[] {
  return [
    { key: searchAttributes.tenantId, value: input.tenant_id },
    { key: searchAttributes.webhookId, value: input.webhook_id },
    { key: searchAttributes.eventType, value: input.event_type },
    { key: searchAttributes.eventId, value: input.event_id },
    { key: searchAttributes.deliveryStatus, value: 'IN_PROGRESS' },
  ];
}
