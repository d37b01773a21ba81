/** Sets, and reads back, the header by which a start by Everhook is told apart from one by hand. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Client, WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { startHeaderName } from './contracts';

/** A start's replay number on its way to the interceptor, which alone can set headers. */
const replayNoOfStart = new AsyncLocalStorage<number>();

/** For every client that starts deliveries. */
export const startHeader: WorkflowClientInterceptor = {
  async startWithDetails(input, next) {
    const replayNo = replayNoOfStart.getStore();
    if (replayNo === undefined) return next(input);
    const headers = { ...input.headers, [startHeaderName]: defaultPayloadConverter.toPayload(replayNo) };
    return next({ ...input, headers });
  },
};

/** Whatever workflow `start` starts carries this replay number. */
export function withStartHeader<T>(replayNo: number, start: () => Promise<T>): Promise<T> {
  return replayNoOfStart.run(replayNo, start);
}

/** @returns the replay number that a run was started with, or null for one that was started by hand */
export async function startedReplayNo(client: Client, workflowId: string, runId: string): Promise<number | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.header?.fields?.[startHeaderName];
  return payload ? defaultPayloadConverter.fromPayload<number>(payload) : null;
}
