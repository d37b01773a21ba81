/**
 * Starting and signalling delivery workflows. The one place that decides a start's id, policy for repeats, header,
 * search attributes and summary.
 */
import { Client, WorkflowExecutionAlreadyStartedError, type ConnectionLike } from '@temporalio/client';
import {
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  type DataConverter,
  type SearchAttributePair,
} from '@temporalio/common';
import { deliveryWorkflowId } from '../domain/ids';
import { deliveryWorkflowType, type DeliveryInput } from './contracts';
import { searchAttributes } from './search-attributes';
import { startedReplayNo, startHeader, withStartHeader } from './start-header';

export function createTemporalClient(
  connection: ConnectionLike,
  namespace: string,
  dataConverter: DataConverter | undefined,
): Client {
  return new Client({
    connection,
    namespace,
    interceptors: { workflow: [startHeader] },
    ...(dataConverter && { dataConverter }),
  });
}

export interface DeliveryStart {
  readonly input: DeliveryInput;
  readonly replayNo: number;
  /** Its first run of this replay is yet to be started, or has been forgotten: a run that has ended may stand before it. */
  readonly opensReplay: boolean;
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
 * - `eager`, `queued`: it was started now
 * - `running`: it was started before, by whoever had the delivery before
 * - `finished`: it was started before and came to its own end
 * - `closed`: it was started before, and somebody has ended it
 * - `earlier`: the run of an earlier replay has not closed yet, so that this one could not be started
 */
export type StartResult = 'eager' | 'queued' | 'running' | 'finished' | 'closed' | 'earlier';

/** A server that is silent must not hold the outbox; the claim covers what it started unheard. */
const startTimeoutMs = 5_000;

/** @throws the client's error when Temporal does not answer */
export async function startDelivery(client: Client, start: DeliveryStart, options: StartOptions): Promise<StartResult> {
  return client.withDeadline(Date.now() + startTimeoutMs, async () => {
    try {
      const handle = await withStartHeader(start.replayNo, () => startWorkflow(client, start, options));
      return handle.eagerlyStarted ? 'eager' : 'queued';
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      return whatStandsInTheWay(client, start);
    }
  });
}

/** A replay may meet its own run, whose start was answered unheard, or one that is about to close. */
async function whatStandsInTheWay(client: Client, start: DeliveryStart): Promise<StartResult> {
  const workflowId = deliveryWorkflowId(start.input.delivery_id);
  const { status, runId } = await client.workflow.getHandle(workflowId).describe();
  const running = status.name === 'RUNNING';
  if (!start.opensReplay) {
    if (running) return 'running';
    return status.name === 'COMPLETED' || status.name === 'FAILED' ? 'finished' : 'closed';
  }
  // It has closed since it stood in the way.
  if (!running) return 'earlier';
  return (await startedReplayNo(client, workflowId, runId)) === start.replayNo ? 'running' : 'earlier';
}

/** What people and the API ask of a delivery's workflow. */
export type DeliverySignal = 'retryNow' | 'resume' | 'cancel';

/** Whoever waits for the answer of a signal waits no longer than this. */
const signalTimeoutMs = 2_000;

/** @returns false when no run of it is open @throws the client's error when Temporal does not answer */
export async function signalDelivery(client: Client, deliveryId: string, signal: DeliverySignal): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(deliveryWorkflowId(deliveryId));
    await client.withDeadline(Date.now() + signalTimeoutMs, () => handle.signal(signal));
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Deliveries of which a run was terminated at this time or later. @throws the client's error */
export async function terminatedSince(client: Client, since: Date): Promise<string[]> {
  const prefix = deliveryWorkflowId('');
  const ids = new Set<string>();
  const query = `WorkflowType = '${deliveryWorkflowType}' AND ExecutionStatus = 'Terminated' AND CloseTime >= '${since.toISOString()}'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    if (workflowId.startsWith(prefix)) ids.add(workflowId.slice(prefix.length));
  }
  return [...ids];
}

/** Whether the latest run of the delivery's workflow was terminated. @throws the client's error */
export async function isTerminated(client: Client, deliveryId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(deliveryWorkflowId(deliveryId)).describe();
    return status.name === 'TERMINATED';
  } catch (error) {
    // Somebody has deleted it, or its time has come, and the list of terminated ones does not know yet.
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** The server refuses a start with an attribute that nobody has registered. */
export function isUnknownSearchAttribute(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, details = current.message } = current as { code?: unknown; details?: string };
    if (code === invalidArgument && /search attribute/i.test(details)) return true;
  }
  return false;
}

/** gRPC status. */
const invalidArgument = 3;

function startWorkflow(client: Client, start: DeliveryStart, options: StartOptions) {
  const { input, opensReplay, url } = start;
  return client.workflow.start(deliveryWorkflowType, {
    workflowId: deliveryWorkflowId(input.delivery_id),
    taskQueue: options.taskQueue,
    args: [input],
    // A run is started once and never again; only a replay follows a run that has ended.
    workflowIdReusePolicy: opensReplay ? WorkflowIdReusePolicy.ALLOW_DUPLICATE : WorkflowIdReusePolicy.REJECT_DUPLICATE,
    requestEagerStart: options.eager,
    staticSummary: summaryOf(input, url),
    ...(options.withSearchAttributes && { typedSearchAttributes: attributesOf(input) }),
  });
}

/** The server's limit is 400 bytes, and the arrow takes three. */
const maxSummaryLength = 200;

/**
 * Path and query may be secrets of the receiver, so the summary ends at the host. It is Markdown: as code, the
 * address is no link by which staff would call the receiver.
 */
function summaryOf(input: DeliveryInput, url: string): string {
  return `${input.event_type} → \`${new URL(url).origin}/...\` (${input.tenant_id})`.slice(0, maxSummaryLength);
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
