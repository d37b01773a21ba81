/**
 * Hands the start header to the workflow as its second argument.
 * A header instead of an input field, because the UI copies inputs when staff start a workflow "like
 * this one", and that is what must be told apart from a start by Everhook.
 */
import { defaultPayloadConverter, workflowInfo, type Payload, type WorkflowInterceptors } from '@temporalio/workflow';
import { deliveryWorkflowType, startHeaderName } from '../src/temporal/contracts';

/** Replay number the start carried, or null for a start by hand. */
export type StartedReplayNo = number | null;

export const interceptors = (): WorkflowInterceptors => {
  let payload: Payload | undefined;
  return {
    inbound: [
      {
        execute(input, next) {
          if (workflowInfo().workflowType !== deliveryWorkflowType) return next(input);
          payload = input.headers[startHeaderName];
          const startedReplayNo: StartedReplayNo = payload
            ? defaultPayloadConverter.fromPayload<number>(payload)
            : null;
          return next({ ...input, args: [input.args[0], startedReplayNo] });
        },
      },
    ],
    outbound: [
      {
        // A run that goes on in a new one is no start by hand.
        continueAsNew(input, next) {
          if (!payload) return next(input);
          return next({ ...input, headers: { ...input.headers, [startHeaderName]: payload } });
        },
      },
    ],
  };
};
