/**
 * One delivery, from its first attempt to success or dead letter.
 * Only ids and settings travel through history; payload, URL and secret stay in Postgres.
 */
import {
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  defineQuery,
  defineSignal,
  log,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import { statusOf, type EndReason } from '../src/domain/delivery-state';
import { retryDelayMs } from '../src/domain/retry-policy';
import {
  cancelledFailureType,
  deadLetterFailureType,
  type AttemptInput,
  type AttemptResult,
  type AttemptTrigger,
  type DeliveryInput,
  type DeliveryStatusAnswer,
  type EndDetails,
} from '../src/temporal/contracts';
import { DeliveryCourse } from './delivery-course';
import { describeResult } from './delivery-details';
import type { StartedReplayNo } from './start-header';

export const retryNowSignal = defineSignal('retryNow');
export const resumeSignal = defineSignal('resume');
export const cancelSignal = defineSignal('cancel');
export const statusQuery = defineQuery<DeliveryStatusAnswer>('status');

/** Beyond the POST's own deadline: decrypting, and keeping the record while Postgres is away. */
const attemptOverheadMs = 40_000;

/** How long a parked delivery sleeps when the signal that should wake it got lost. */
const parkedMs = 6 * 3600 * 1000;

/** A turn of the loop takes about eleven history events, and the server warns from 10,240 on. */
const maxTriesPerRun = 200;

const { endDelivery } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/**
 * @throws ApplicationFailure of type `DeadLetter` or `DeliveryCancelled`, so that whatever ended without
 * success shows as failed; its details say why.
 */
export async function delivery(input: DeliveryInput, startedReplayNo: StartedReplayNo = null): Promise<void> {
  const course = new DeliveryCourse();

  setHandler(retryNowSignal, () => course.wake('manual'), {
    description: 'Try again at once instead of waiting for the next attempt. Takes no argument.',
  });
  setHandler(resumeSignal, () => course.wake('resume'), {
    description: 'The webhook is active again: go on if parked. Sent by Everhook. Takes no argument.',
  });
  setHandler(cancelSignal, () => course.cancel(), {
    description: 'Give up: the delivery ends CANCELLED without a further attempt. Takes no argument.',
  });
  setHandler(statusQuery, () => course.status, { description: 'Where the delivery stands.' });

  // "Request Cancellation" in the UI means the same as the signal. The run itself is not cancellable:
  // an attempt under way ends and is recorded, and so is the end of the delivery.
  CancellationScope.current().cancelRequested.catch(() => course.cancel());
  await CancellationScope.nonCancellable(() => run(input, startedReplayNo, course));
}

async function run(input: DeliveryInput, startedReplayNo: StartedReplayNo, course: DeliveryCourse): Promise<void> {
  let trigger: AttemptTrigger = 'initial';
  let busyTurns = 0;

  for (let tryNo = 1; ; tryNo++) {
    if (course.cancelled) return end(input, 'CANCELLED', course);
    if (course.expired()) return end(input, 'EXPIRED', course);
    // Being busy for days would outgrow the history; what counts is in Postgres, so a new run can go on.
    if (tryNo > maxTriesPerRun) return continueAsNew<typeof delivery>({ ...input, first: 'normal' });

    course.forgetSignals();
    course.show('attempting');
    const call = attemptInput(input, tryNo, trigger, startedReplayNo);
    const result = await makeAttempt(input, call, course);
    course.note(result, call.at);
    if (result.outcome !== 'busy') busyTurns = 0;
    if (result.outcome !== 'parked') course.mark('IN_PROGRESS');

    switch (result.outcome) {
      case 'success':
      case 'ended':
        return course.show('ended');
      case 'cancelled':
      case 'permanent':
        return end(input, result.reason, course);
      case 'parked':
        course.mark('PAUSED');
        trigger = await course.wait('parked', spread(parkedMs, 0.25), 'parked: the webhook is paused');
        break;
      case 'busy':
        trigger = await course.wait('busy', spread(busyDelayMs(busyTurns++), 0.25), 'busy: too many in flight');
        break;
      case 'retry': {
        const delayMs = retryDelayMs({
          delaysMs: input.policy.delays_ms,
          attempts: result.attempts,
          retryAfterMs: result.retry_after_ms ?? undefined,
          jitter: call.jitter,
        });
        if (delayMs === undefined) return end(input, 'EXHAUSTED', course);
        trigger = await course.wait(
          'waiting',
          delayMs,
          `attempt ${result.attempts + 1} after ${describeResult(result)}`,
        );
        break;
      }
    }
  }
}

function attemptInput(
  input: DeliveryInput,
  tryNo: number,
  trigger: AttemptTrigger,
  startedReplayNo: StartedReplayNo,
): AttemptInput {
  return {
    delivery_id: input.delivery_id,
    tenant_id: input.tenant_id,
    webhook_id: input.webhook_id,
    run_id: workflowInfo().originalExecutionRunId,
    try: tryNo,
    at: new Date().toISOString(),
    trigger,
    policy: input.policy,
    jitter: Math.random(),
    started_replay_no: startedReplayNo,
  };
}

/**
 * The first attempt may run inside the workflow task, which is cheaper but holds the task while it lasts.
 * All others are activities of their own, so that staff see them pending and a slow receiver holds nothing.
 */
async function makeAttempt(input: DeliveryInput, call: AttemptInput, course: DeliveryCourse): Promise<AttemptResult> {
  const startToCloseTimeout = input.policy.timeout_ms + attemptOverheadMs;
  const summary = `attempt ${course.status.attempts + 1}`;

  if (call.try === 1 && input.first === 'local') {
    const local = proxyLocalActivities<Activities>({ startToCloseTimeout, retry: { maximumAttempts: 1 }, summary });
    try {
      return await local.attempt(call);
    } catch (error) {
      log.warn('local attempt failed, going on with a normal one', { error });
    }
  }
  const normal = proxyActivities<Activities>({
    startToCloseTimeout,
    // A worker that died is noticed by its missing heartbeats, long before the timeout.
    heartbeatTimeout: '15 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
    summary,
  });
  return normal.attempt(call);
}

/** Records the end in Postgres first, then fails the workflow. */
async function end(input: DeliveryInput, reason: EndReason, course: DeliveryCourse): Promise<never> {
  const ended = await endDelivery({
    delivery_id: input.delivery_id,
    tenant_id: input.tenant_id,
    webhook_id: input.webhook_id,
    run_id: workflowInfo().originalExecutionRunId,
    reason,
  });
  const status = statusOf(reason);
  course.mark(status);
  course.show('ended');
  const details: EndDetails = { reason, attempts: ended.attempts, last_status_code: ended.last_status_code };
  throw ApplicationFailure.create({
    type: status === 'DEAD_LETTER' ? deadLetterFailureType : cancelledFailureType,
    nonRetryable: true,
    message: `${reason} after ${ended.attempts} attempt(s)${course.status.last_error ? `, last: ${course.status.last_error}` : ''}`,
    details: [details],
  });
}

/** 1, 2, 4, ... 60 seconds. */
function busyDelayMs(turns: number): number {
  return Math.min(60_000, 1000 * 2 ** turns);
}

function spread(ms: number, share: number): number {
  return Math.round(ms * (1 + share * (2 * Math.random() - 1)));
}
