/**
 * The time-skipping environment of one test file: one server, tests in turn, activities as plain
 * functions or real ones. Time is skipped only while a result is awaited or by `sleep`.
 */
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { WorkflowHandleWithStartDetails } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { Activities } from '../../activities';
import type { DeliveryStatus, EndReason } from '../../src/domain/delivery-state';
import { delaysMs, type RetryPolicy } from '../../src/domain/retry-policy';
import { deliveryWorkflowId, newId } from '../../src/domain/ids';
import {
  deliveryWorkflowType,
  type AttemptInput,
  type AttemptResult,
  type DeliveryInput,
  type EndInput,
} from '../../src/temporal/contracts';
import { ensureSearchAttributes } from '../../src/temporal/namespace';
import { searchAttributes } from '../../src/temporal/search-attributes';
import { startHeader, withStartHeader } from '../../src/temporal/start-header';
import { createLogger } from '../../src/telemetry/logger';
import { installQuietRuntime } from './quiet-runtime';
import { recordHistory } from './record-history';
import { sharedServers } from './shared-servers';

export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = process.env['TEMPORAL_TEST_SERVER_PATH'];
  if (path === undefined) throw new Error('TEMPORAL_TEST_SERVER_PATH is not set; run the tests with npm test.');
  installQuietRuntime();
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    client: { interceptors: { workflow: [startHeader] } },
  });
  await ensureSearchAttributes(env.connection, 'default', createLogger({ level: 'silent' }));
  return env;
}

/** An answer to one attempt, without what every answer carries. */
export type ScriptedAnswer =
  | { outcome: 'success' }
  | { outcome: 'retry'; retryAfterMs?: number }
  | { outcome: 'permanent'; reason: 'REJECTED' | 'GONE' | 'EXPIRED' }
  | { outcome: 'cancelled' }
  | { outcome: 'parked' | 'busy' }
  | { outcome: 'ended'; status: DeliveryStatus; reason: EndReason | null }
  | { throws: string };

export interface Script {
  /** By call from 1; `calls` holds the earlier ones too. */
  answer: (call: number, input: AttemptInput) => ScriptedAnswer | Promise<ScriptedAnswer>;
  /** Milliseconds after the first attempt at which the delivery is given up; a day unless told. */
  ttlMs?: number;
}

/** What the workflow of a delivery calls. */
export type DeliveryActivities = Pick<Activities, 'attempt' | 'endDelivery'>;

/** Activities that follow a script and remember what was asked of them. */
export class ScriptedActivities implements DeliveryActivities {
  readonly calls: AttemptInput[] = [];
  readonly ends: EndInput[] = [];
  private attempts = 0;
  private expiresAt: string | undefined;

  constructor(private readonly script: Script) {}

  attempt = async (input: AttemptInput): Promise<AttemptResult> => {
    this.calls.push(input);
    this.expiresAt ??= new Date(Date.parse(input.at) + (this.script.ttlMs ?? 86_400_000)).toISOString();
    const answer = await this.script.answer(this.calls.length, input);
    if ('throws' in answer) throw new Error(answer.throws);
    if (answer.outcome === 'success' || answer.outcome === 'retry' || answer.outcome === 'permanent') this.attempts++;
    const base = { attempts: this.attempts, expires_at: this.expiresAt };
    switch (answer.outcome) {
      case 'success':
        return { ...base, outcome: 'success', status: 204 };
      case 'retry':
        return {
          ...base,
          outcome: 'retry',
          status: 503,
          error_code: 'http_status',
          retry_after_ms: answer.retryAfterMs ?? null,
        };
      case 'permanent':
        return { ...base, outcome: 'permanent', status: 400, error_code: 'http_status', reason: answer.reason };
      case 'cancelled':
        return { ...base, outcome: 'cancelled', reason: 'WEBHOOK_DISABLED' };
      case 'ended':
        return { ...base, outcome: 'ended', status: answer.status, reason: answer.reason, last_status_code: 500 };
      case 'parked':
      case 'busy':
        return { ...base, outcome: answer.outcome };
    }
  };

  endDelivery = (input: EndInput): Promise<{ attempts: number; last_status_code: number | null }> => {
    this.ends.push(input);
    return Promise.resolve({ attempts: this.attempts, last_status_code: 503 });
  };

  /** Seconds from each call to the next, by workflow time. */
  pausesSeconds(): number[] {
    const times = this.calls.map(({ at }) => Date.parse(at) / 1000);
    return times.slice(1).map((time, i) => time - (times[i] ?? 0));
  }
}

export interface RunOptions {
  policy?: RetryPolicy;
  first?: DeliveryInput['first'];
  /** A day unless told. */
  ttlMs?: number;
  /** Starts it as a person does in the UI, without the header. */
  byHand?: boolean;
  withSearchAttributes?: boolean;
  /** ISO 8601; the first attempt waits until then. */
  notBefore?: string;
  /** Saves the history under this name for the replay tests when RECORD_HISTORIES is set. */
  history?: string;
}

export type DeliveryHandle = WorkflowHandleWithStartDetails;

/** Starts a delivery with these activities and lets `work` deal with its handle while a worker runs. */
export async function withDelivery<T>(
  env: TestWorkflowEnvironment,
  activities: DeliveryActivities,
  options: RunOptions,
  work: (handle: DeliveryHandle) => Promise<T>,
): Promise<T> {
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: join(sharedServers().bundleFolder, 'workflow-bundle.js') },
    activities,
  });
  const input = deliveryInput(options);
  const start = (): Promise<DeliveryHandle> =>
    env.client.workflow.start(deliveryWorkflowType, {
      workflowId: deliveryWorkflowId(input.delivery_id),
      taskQueue,
      args: [input],
      ...(options.withSearchAttributes !== false && {
        typedSearchAttributes: [{ key: searchAttributes.deliveryStatus, value: 'IN_PROGRESS' }],
      }),
    });
  return worker.runUntil(async () => {
    const handle = await (options.byHand ? start() : withStartHeader(0, start));
    const result = await work(handle);
    if (options.history !== undefined) await recordHistory(handle, options.history);
    return result;
  });
}

function deliveryInput({
  policy = 'default',
  first = 'normal',
  ttlMs = 86_400_000,
  notBefore,
}: RunOptions): DeliveryInput {
  return {
    delivery_id: newId(),
    tenant_id: 'acme',
    webhook_id: newId(),
    event_id: 'evt-1',
    event_type: 'order.created',
    first,
    policy: { delays_ms: delaysMs(policy), timeout_ms: 5_000, ttl_ms: ttlMs },
    ...(notBefore !== undefined && { not_before: notBefore }),
  };
}
