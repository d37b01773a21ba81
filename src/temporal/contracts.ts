/**
 * What client, workflow and activities say to each other: names, inputs and results.
 * Everything here is seen in the Temporal UI and kept in histories, so it carries ids and settings,
 * never a payload, a path or a secret; and its meaning never changes, because old histories are replayed.
 */
import type { AttemptErrorCode, AttemptTrigger } from '../domain/attempt-outcome';
import type { CancelReason, DeadLetterReason, DeliveryStatus, EndReason } from '../domain/delivery-state';
import type { ReplayRequest, ReplayState } from '../domain/replay';
import type { StateAction, WebhookState } from '../domain/webhook-state';

/** Type of the workflow that owns one delivery. */
export const deliveryWorkflowType = 'delivery';

/** Type of the workflow that works off what is asked of one webhook. */
export const webhookControlType = 'webhookControl';

/** Tells the control workflow that the webhook has changed; sent by Everhook. */
export const changedSignalName = 'changed';

/** Type of the workflow that removes what is older than it is kept. */
export const maintenanceType = 'maintenance';

/**
 * Header that every start by Everhook carries; its payload is the replay number.
 * The UI's "Start Workflow Like This One" does not copy headers, which is how a replay by hand is told apart.
 */
export const startHeaderName = 'everhook-start';

/** Failure types by which the UI and filters tell the ends of a delivery apart. */
export const deadLetterFailureType = 'DeadLetter';
export const cancelledFailureType = 'DeliveryCancelled';

/** Details of both failure types. */
export interface EndDetails {
  reason: EndReason;
  attempts: number;
  last_status_code: number | null;
}

/** Retry settings as they were when the delivery was started; later changes of the webhook do not reach it. */
export interface PolicySnapshot {
  /** Milliseconds before the second, third, ... attempt. */
  delays_ms: number[];
  /** Total deadline of one POST in milliseconds. */
  timeout_ms: number;
  /** Milliseconds after which the delivery is given up, counted from the start of the run. */
  ttl_ms: number;
}

export interface DeliveryInput {
  delivery_id: string;
  tenant_id: string;
  webhook_id: string;
  event_id: string;
  event_type: string;
  /** How the first attempt runs: inside the workflow task, or as an activity of its own. */
  first: 'local' | 'normal';
  policy: PolicySnapshot;
  /**
   * ISO 8601; the first attempt of this run waits until then. Not Temporal's start delay: signals do not
   * reach a run before that is over.
   */
  not_before?: string;
  /** The direct lane makes, or has made, the first attempt: what it recorded counts as this run's first one. */
  direct?: true;
}

export interface AttemptInput {
  delivery_id: string;
  tenant_id: string;
  webhook_id: string;
  /** The run that a reset started from, or this one: recorded tries are not sent again after a reset. */
  run_id: string;
  /** Counts the calls within the run from 1; with `run_id` it identifies the attempt's record. */
  try: number;
  /** Workflow time of the call, ISO 8601; decides expiry and the record's partition. */
  at: string;
  trigger: AttemptTrigger;
  policy: PolicySnapshot;
  /** From [0, 1); the recorded time of the next attempt and the workflow's timer use the same number. */
  jitter: number;
  /** Replay number from the start header, null when somebody started the workflow by hand. */
  started_replay_no: number | null;
  /** This is the first attempt of the direct lane: its record is the same, whoever makes it. */
  direct?: true;
}

/**
 * - `success`: answered 2xx
 * - `retry`: failed in a way that may pass
 * - `permanent`: failed in a way that will not pass; `reason` says which
 * - `cancelled`: the webhook is disabled or deleted; no POST was made
 * - `parked`: the webhook is paused; no POST was made
 * - `busy`: the webhook has as many POSTs in flight as it may; no POST was made
 * - `ended`: the delivery had come to its end before this run, or is at a later replay; no POST was made
 */
export type AttemptResult = {
  /** POSTs made in this replay so far. */
  attempts: number;
  /** When the delivery is given up, ISO 8601. */
  expires_at: string;
} & (
  | { outcome: 'success'; status: number }
  | { outcome: 'retry'; status: number | null; error_code: AttemptErrorCode; retry_after_ms: number | null }
  | { outcome: 'permanent'; status: number | null; error_code: AttemptErrorCode | null; reason: DeadLetterReason }
  | { outcome: 'cancelled'; reason: CancelReason }
  | { outcome: 'parked' | 'busy' }
  | { outcome: 'ended'; status: DeliveryStatus; reason: EndReason | null; last_status_code: number | null }
);

export interface EndInput {
  delivery_id: string;
  tenant_id: string;
  webhook_id: string;
  run_id: string;
  /** As in `AttemptInput`; absent in what older workflows send. */
  started_replay_no?: number | null;
  reason: EndReason;
}

/** Answer of the `status` query. */
export interface DeliveryStatusAnswer {
  state: 'attempting' | 'waiting' | 'parked' | 'busy' | 'blocked' | 'ended';
  attempts: number;
  next_attempt_at: string | null;
  last_error: string | null;
}

export interface WebhookControlInput {
  webhook_id: string;
  tenant_id: string;
  /** What the run before this one knew; absent in the first. */
  carried?: WebhookControlStatus;
}

/** Answer of the control workflow's `status` query. */
export interface WebhookControlStatus {
  /** As it was last seen; null before the first look. */
  state: WebhookState | null;
  state_reason: string | null;
  /** Scheme, host and port; the rest of the URL may be secret. */
  origin: string | null;
  /** Since the last change of state. */
  resumed: number;
  cancelled: number;
  /** The latest last. */
  replays: ReplayProgressLine[];
  /** What the latest signal was refused for. */
  refused: string | null;
}

export interface ReplayProgressLine {
  replay_id: string;
  matched: number;
  done: number;
  state: ReplayState;
}

export interface CatchUpInput {
  webhook_id: string;
}

export interface CatchUpResult {
  /** Null when the webhook is not there any more. */
  webhook: { state: WebhookState; state_reason: string | null; deleted: boolean; origin: string } | null;
  resumed: number;
  cancelled: number;
  replay: ReplayProgressLine | null;
  /** There is more to do than one call has time for. */
  more: boolean;
}

export interface ChangeStateInput {
  webhook_id: string;
  tenant_id: string;
  action: StateAction;
  reason: string | null;
  /** The same key again changes nothing; absent in what older workflows send. */
  request_key?: string;
}

export interface ChangeStateResult {
  state: WebhookState;
  changed: boolean;
}

export interface ReplayManyInput {
  webhook_id: string;
  tenant_id: string;
  /** The same key again opens no second replay. */
  request_key: string;
  request: ReplayRequest;
}

export interface ReplayManyResult {
  replay_id: string;
  matched: number;
}

/** What retention removes, in this order: what later steps remove is often left behind by earlier ones. */
export const retentionSteps = ['deliveries', 'partitions', 'attempts', 'events', 'replays', 'auditLogs'] as const;

export type RetentionStep = (typeof retentionSteps)[number];

export interface RemoveInput {
  /** Where the call before stopped; null begins anew. Its meaning is the step's own. */
  position: string | null;
}

export interface RemoveResult {
  /** Rows, or partitions. */
  removed: number;
  /** Where to go on; null when the step is done. */
  position: string | null;
}

/** How far the maintenance workflow is, and its result. */
export type MaintenanceStatus = Record<RetentionStep, MaintenanceLine>;

export interface MaintenanceLine {
  state: 'waiting' | 'running' | 'done' | 'failed';
  removed: number;
  position: string | null;
}
