/**
 * One delivery, from its first attempt to success or dead letter.
 * Only ids and settings travel through history; payload, URL and secret stay in Postgres.
 */
import {
  ActivityFailure,
  type ApplicationFailure,
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
import type { AttemptTrigger } from '../src/domain/attempt-outcome';
import { statusOf, type EndReason } from '../src/domain/delivery-state';
import { directAttempt } from '../src/domain/direct-attempt';
import { retryDelayMs } from '../src/domain/retry-policy';
import {
  cancelledFailureType,
  deadLetterFailureType,
  type AttemptInput,
  type AttemptResult,
  type DeliveryInput,
  type DeliveryStatusAnswer,
  type EndDetails,
} from '../src/temporal/contracts';
import { DeliveryCourse } from './delivery-course';
import { describeResult } from './delivery-details';
import { failureMessage } from './delivery-end';
import { failureForStaff } from './failure';
import type { StartedReplayNo } from './start-header';

export const retryNowSignal = defineSignal('retryNow');
export const resumeSignal = defineSignal('resume');
export const cancelSignal = defineSignal('cancel');
export const statusQuery = defineQuery<DeliveryStatusAnswer>('status');

/** Beyond the POST's own deadline: decrypting, and keeping the record while Postgres is away. */
const attemptOverheadMs = 40_000;

/** How long a parked delivery sleeps when the signal that should wake it got lost. */
const parkedMs = 6 * 3600 * 1000;

/** The same for one whose webhook has as many requests in flight as it may. */
const busyMs = 60_000;

/** A turn of the loop takes about eleven history events, and the server warns from 10,240 on. */
const maxTurnsPerRun = 200;

/**
 * @throws ApplicationFailure of type `DeadLetter` or `DeliveryCancelled`, so that whatever ended without
 * success shows as failed; its details say why.
 */
export async function delivery(input: DeliveryInput, startedReplayNo: StartedReplayNo = null): Promise<void> {
  const course = new DeliveryCourse(input);

  setHandler(retryNowSignal, () => course.retryNow(), {
    description: 'Try again at once instead of waiting for the next attempt. Data: nothing.',
  });
  setHandler(resumeSignal, () => course.resume(), {
    description: 'Go on if parked or waiting for a turn. Everhook sends it; by hand it only asks again. Data: nothing.',
  });
  setHandler(cancelSignal, () => course.cancel(), {
    description: 'Give up: the delivery ends CANCELLED without a further attempt. Data: nothing.',
  });
  setHandler(statusQuery, () => course.status, { description: 'Where the delivery stands.' });

  // "Request Cancellation" in the UI means the same as the signal. The run itself is not cancellable:
  // an attempt under way ends and is recorded, and so is the end of the delivery.
  CancellationScope.current().cancelRequested.catch(() => course.cancel());
  await CancellationScope.nonCancellable(() => run(input, startedReplayNo, course));
}

async function run(input: DeliveryInput, startedReplayNo: StartedReplayNo, course: DeliveryCourse): Promise<void> {
  let trigger: AttemptTrigger = 'initial';
  let tryNo = 1;
  let idleTurns = 0;

  const notBeforeMs = input.not_before === undefined ? 0 : Date.parse(input.not_before);
  if (notBeforeMs > Date.now()) {
    trigger = await course.wait('waiting', notBeforeMs - Date.now(), 'goes on when its next attempt is due');
  }

  for (let turn = 1; ; turn++) {
    if (course.cancelled) return end(input, 'CANCELLED', startedReplayNo, course);
    if (course.expired()) return end(input, 'EXPIRED', startedReplayNo, course);
    // Being busy for days would outgrow the history; what counts is in Postgres, so a new run can go on.
    if (turn > maxTurnsPerRun) {
      // Of its time only the rest: until an attempt tells better, a run counts from its own start.
      const policy = { ...input.policy, ttl_ms: course.remainingMs() };
      const { direct: _made, ...rest } = input;
      return continueAsNew<typeof delivery>({ ...rest, first: 'normal', policy });
    }

    course.forgetSignals();
    course.show('attempting');
    const call = attemptInput(input, tryNo, trigger, startedReplayNo);
    const result = await makeAttempt(input, call, course);
    if (result === undefined) {
      // The same try again: whatever of it was recorded is not sent a second time.
      trigger = await course.wait('blocked', pauseMs(idleTurns++), 'blocked: the attempt could not be made');
      continue;
    }
    tryNo++;
    course.note(result, call.at);

    switch (result.outcome) {
      case 'success':
        return course.showEnd(null);
      case 'ended':
        return leave(result, course);
      case 'cancelled':
      case 'permanent':
        return end(input, result.reason, startedReplayNo, course);
      case 'parked':
        trigger = await course.wait('parked', spread(parkedMs, 0.25), 'parked: the webhook is paused');
        break;
      case 'busy':
        trigger = await course.wait('busy', spread(busyMs, 0.25), 'busy: waits for its turn');
        break;
      case 'retry': {
        idleTurns = 0;
        const delayMs = retryDelayMs({
          delaysMs: input.policy.delays_ms,
          attempts: result.attempts,
          retryAfterMs: result.retry_after_ms ?? undefined,
          jitter: call.jitter,
        });
        if (delayMs === undefined) return end(input, 'EXHAUSTED', startedReplayNo, course);
        course.markFailing();
        const summary = `attempt ${result.attempts + 1} after ${describeResult(result)}`;
        trigger = await course.wait('waiting', delayMs, summary);
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
    // A replay by hand starts with the same input, and makes a first attempt of its own.
    ...(input.direct && tryNo === 1 && startedReplayNo === 0 && directAttempt(input.delivery_id)),
  };
}

/**
 * The first attempt may run inside the workflow task, which is cheaper but holds the task while it lasts.
 * All others are activities of their own, so that staff see them pending and a slow receiver holds nothing.
 *
 * @returns undefined when it could not be made or recorded for a while: KMS or Postgres is away
 */
async function makeAttempt(
  input: DeliveryInput,
  call: AttemptInput,
  course: DeliveryCourse,
): Promise<AttemptResult | undefined> {
  const startToCloseTimeout = input.policy.timeout_ms + attemptOverheadMs;
  const summary = `attempt ${course.status.attempts + 1}`;

  if (call.try === 1 && input.first === 'local' && !course.wasBlocked) {
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
    // Bounded, so that the delivery's time and a cancellation are looked at in between.
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds', maximumAttempts: 5 },
    summary,
  });
  try {
    return await normal.attempt(call);
  } catch (error) {
    if (error instanceof ActivityFailure) return undefined;
    throw error;
  }
}

/** Records the end in Postgres first, then fails the workflow. */
async function end(
  input: DeliveryInput,
  reason: EndReason,
  startedReplayNo: StartedReplayNo,
  course: DeliveryCourse,
): Promise<never> {
  const { endDelivery } = proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
    summary: `record ${statusOf(reason)}: ${reason}`,
  });
  const ended = await endDelivery({
    delivery_id: input.delivery_id,
    tenant_id: input.tenant_id,
    webhook_id: input.webhook_id,
    run_id: workflowInfo().originalExecutionRunId,
    started_replay_no: startedReplayNo,
    reason,
  });
  throw failure(reason, { reason, ...ended }, course);
}

/** The delivery had ended before this run: the run ends the same way, so that the UI goes on showing it. */
function leave(result: Extract<AttemptResult, { outcome: 'ended' }>, course: DeliveryCourse): void {
  if (result.reason === null) return course.showEnd(null);
  const { reason, attempts, last_status_code } = result;
  throw failure(reason, { reason, attempts, last_status_code }, course);
}

function failure(reason: EndReason, details: EndDetails, course: DeliveryCourse): ApplicationFailure {
  const status = statusOf(reason);
  course.mark(status);
  course.showEnd(reason);
  const type = status === 'DEAD_LETTER' ? deadLetterFailureType : cancelledFailureType;
  return failureForStaff(failureMessage(details, course.status.last_error), type, [details]);
}

/** 1, 2, 4, ... 60 seconds, spread by a quarter. */
function pauseMs(turns: number): number {
  return spread(Math.min(60_000, 1000 * 2 ** Math.min(turns, 6)), 0.25);
}

function spread(ms: number, share: number): number {
  return Math.round(ms * (1 + share * (2 * Math.random() - 1)));
}
