/**
 * The control workflow of one webhook: what staff ask of it in the Temporal UI, and whoever brings its
 * deliveries up to date afterwards. Postgres holds the truth; this holds nothing that could not be lost.
 */
import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import { ControlRequestError, readReason, readReplayRequest } from '../src/domain/control-request';
import type { StateAction } from '../src/domain/webhook-state';
import {
  changedSignalName,
  type ChangeStateResult,
  type ReplayManyResult,
  type ReplayProgressLine,
  type WebhookControlInput,
  type WebhookControlStatus,
} from '../src/temporal/contracts';
import { renderControlDetails } from './control-details';
import { failureForStaff } from './failure';

export const changedSignal = defineSignal(changedSignalName);
export const controlStatusQuery = defineQuery<WebhookControlStatus>('status');
export const replayUpdate = defineUpdate<ReplayManyResult, [unknown]>('replay');
export const replaySignal = defineSignal<[unknown]>('replay');

const stateActions = {
  pause:
    'Hold the deliveries back from the next POST on; events go on being accepted. Data: {"reason": "..."} or nothing.',
  resume: 'Let the parked deliveries go on. Data: nothing.',
  disable: 'End what waits as CANCELLED and take no more events. Data: {"reason": "..."} or nothing.',
  enable: 'Take events again, starting afresh. Data: nothing.',
} as const satisfies Record<StateAction, string>;

const replayDescription =
  'Send dead letters again under their own ids. Data: {"since": "2026-01-31T12:00:00Z"}, and if wanted "until", ' +
  '"status" (DEAD_LETTER unless told), "event_types" and "limit" (1000 unless told).';

const shownReplays = 5;

const { catchUp } = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
  summary: 'look at the webhook; wake, end or replay deliveries',
});

/** Somebody waits for the answer, so that it does not take for ever. */
const answering = (summary: string) =>
  proxyActivities<Activities>({
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: '1 minute',
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
    summary,
  });

export async function webhookControl(input: WebhookControlInput): Promise<void> {
  // "Request Cancellation" is the UI's foremost button, and a webhook is not to be without control for it.
  let cancelled = false;
  CancellationScope.current().cancelRequested.catch(() => (cancelled = true));
  await CancellationScope.nonCancellable(() => run(input, () => cancelled));
}

/** @param isCancelled then it goes on in a new run, which can start activities for updates again */
async function run({ webhook_id, tenant_id, carried }: WebhookControlInput, isCancelled: () => boolean): Promise<void> {
  const mustContinue = (): boolean => isCancelled() || workflowInfo().continueAsNewSuggested;
  const ids = { webhook_id, tenant_id };
  const status: WebhookControlStatus = carried ?? {
    state: null,
    state_reason: null,
    origin: null,
    resumed: 0,
    cancelled: 0,
    replays: [],
    refused: null,
  };
  // The first look is for what was asked before there was a workflow.
  let changed = true;
  let working = false;
  const show = (): void => setCurrentDetails(renderControlDetails(ids, status, working));

  const change = async (action: StateAction, reason: string | null): Promise<ChangeStateResult> => {
    const answer = await answered(answering(action).changeState({ ...ids, action, reason, request_key: uuid4() }));
    status.state = answer.state;
    if (answer.changed) Object.assign(status, { resumed: 0, cancelled: 0 });
    changed = true;
    return answer;
  };
  const replay = async (request: unknown): Promise<ReplayManyResult> => {
    const asked = readReplayRequest(request, Date.now());
    const answer = await answered(
      answering('open a replay').replayMany({ ...ids, request_key: uuid4(), request: asked }),
    );
    changed = true;
    return answer;
  };
  /** A signal has nobody to answer to; what it was refused for is shown instead. */
  const noting = async (signal: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
      status.refused = null;
    } catch (error) {
      status.refused = `${signal}: ${error instanceof Error ? error.message : String(error)}`;
    }
    show();
  };

  setHandler(controlStatusQuery, () => status, { description: 'The webhook as it was last seen, and its replays.' });
  setHandler(changedSignal, () => void (changed = true), {
    description: 'Look at the webhook again. Everhook sends it by itself. Data: nothing.',
  });
  for (const [action, description] of Object.entries(stateActions) as [StateAction, string][]) {
    setHandler(defineUpdate<ChangeStateResult, [unknown]>(action), (request) => change(action, readReason(request)), {
      description,
      validator: validating((request) => readReason(request)),
    });
    setHandler(
      defineSignal<[unknown]>(action),
      (request) => noting(action, () => change(action, readReason(request))),
      {
        description,
      },
    );
  }
  setHandler(replayUpdate, replay, {
    description: replayDescription,
    validator: validating((request) => {
      readReplayRequest(request, Date.now());
      if (status.state === 'disabled') throw new ControlRequestError('The webhook is disabled; enable it first.');
    }),
  });
  setHandler(replaySignal, (request) => noting('replay', () => replay(request)), { description: replayDescription });

  for (;;) {
    working = false;
    show();
    await condition(() => changed || mustContinue());
    if (changed) {
      changed = false;
      working = true;
      const result = await catchUp({ webhook_id });
      if (result.webhook === null || result.webhook.deleted) {
        if (!result.more) return;
      } else if (status.state !== result.webhook.state) {
        // Somebody else has changed it: what was counted belongs to the change before.
        Object.assign(status, { resumed: 0, cancelled: 0 });
      }
      status.state = result.webhook?.state ?? null;
      status.state_reason = result.webhook?.state_reason ?? null;
      status.origin = result.webhook?.origin ?? null;
      status.resumed += result.resumed;
      status.cancelled += result.cancelled;
      if (result.replay) noteReplay(status.replays, result.replay);
      if (result.more) changed = true;
      show();
    }
    if (mustContinue()) {
      // Whoever waits for an answer gets it from this run.
      await condition(allHandlersFinished);
      return continueAsNew<typeof webhookControl>({ ...ids, carried: status });
    }
  }
}

function noteReplay(replays: ReplayProgressLine[], line: ReplayProgressLine): void {
  const at = replays.findIndex(({ replay_id }) => replay_id === line.replay_id);
  if (at === -1) replays.push(line);
  else replays[at] = line;
  replays.splice(0, replays.length - shownReplays);
}

/** A validator's throw is the answer of the update; only its message reaches the person. */
function validating(check: (request: unknown) => void): (request: unknown) => void {
  return (request) => {
    try {
      check(request);
    } catch (error) {
      if (!(error instanceof ControlRequestError)) throw error;
      throw failureForStaff(error.message, 'VALIDATION_ERROR');
    }
  };
}

/** Why an activity failed is in its cause; whoever asked sees the outermost message only. */
async function answered<T>(activity: Promise<T>): Promise<T> {
  try {
    return await activity;
  } catch (error) {
    if (!(error instanceof ActivityFailure) || !error.cause) throw error;
    const type = error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
    throw failureForStaff(error.cause.message, type);
  }
}
