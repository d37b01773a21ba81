import { WorkflowFailedError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { searchAttributes } from '../../src/temporal/search-attributes';
import { ScriptedActivities, startTimeSkipping, withDelivery, type DeliveryHandle } from '../support/time-skipping';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
}, 60_000);

afterAll(() => env.teardown());

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

async function historyOf(handle: DeliveryHandle): Promise<HistoryEvent[]> {
  return (await handle.fetchHistory()).events ?? [];
}

async function failureOf(handle: DeliveryHandle): Promise<unknown> {
  const error = await handle.result().catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause;
}

describe('the first attempt', () => {
  it('runs inside the workflow task when it was started as local', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'success' }) });

    const events = await withDelivery(
      env,
      activities,
      { first: 'local', history: 'local-first-attempt' },
      async (handle) => {
        await handle.result();
        return historyOf(handle);
      },
    );

    expect(events.some((event) => event.markerRecordedEventAttributes)).toBe(true);
    expect(events.some((event) => event.activityTaskScheduledEventAttributes)).toBe(false);
  });

  it('is an activity of its own otherwise', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'success' }) });

    const events = await withDelivery(env, activities, { first: 'normal' }, async (handle) => {
      await handle.result();
      return historyOf(handle);
    });

    expect(events.some((event) => event.markerRecordedEventAttributes)).toBe(false);
    expect(events.some((event) => event.activityTaskScheduledEventAttributes)).toBe(true);
  });

  it('is made again as an activity under the same try number when the local one could not be made', async () => {
    const activities = new ScriptedActivities({
      answer: (call) => (call === 1 ? { throws: 'KMS is away' } : { outcome: 'success' }),
    });

    await withDelivery(env, activities, { first: 'local', history: 'local-attempt-falls-back' }, (handle) =>
      handle.result(),
    );

    expect(activities.calls.map((call) => call.try)).toEqual([1, 1]);
  });

  it('is made again, without counting, while it cannot be made at all', async () => {
    const activities = new ScriptedActivities({
      answer: (call) => (call < 12 ? { throws: 'KMS is away' } : { outcome: 'success' }),
    });

    await withDelivery(env, activities, { first: 'local', history: 'blocked-for-a-while' }, (handle) =>
      handle.result(),
    );

    expect(activities.calls.map((call) => call.try)).toEqual(Array<number>(12).fill(1));
    expect(activities.calls.map((call) => call.trigger)).toContain('retry');
  });

  it('that cannot be made leaves the delivery EXPIRED when its time is over', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ throws: 'the key was disabled' }) });

    const failure = await withDelivery(env, activities, { ttlMs: 120_000 }, failureOf);

    expect(activities.ends).toMatchObject([{ reason: 'EXPIRED' }]);
    expect(failure).toMatchObject({ type: 'DeadLetter' });
  });
});

describe('retries', () => {
  it('are activities of their own with a timer that says why', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call === 1 ? 'retry' : 'success' }) });

    const events = await withDelivery(env, activities, { first: 'local' }, async (handle) => {
      await handle.result();
      return historyOf(handle);
    });

    expect(events.filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(1);
    const timer = events.find((event) => event.timerStartedEventAttributes);
    expect(String(timer?.userMetadata?.summary?.data)).toBe('"attempt 2 after HTTP 503"');
  });

  it('count their tries and keep the run they belong to', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call < 3 ? 'retry' : 'success' }) });

    const runId = await withDelivery(env, activities, {}, async (handle) => {
      await handle.result();
      return handle.firstExecutionRunId;
    });

    expect(activities.calls.map((call) => call.try)).toEqual([1, 2, 3]);
    expect(new Set(activities.calls.map((call) => call.run_id))).toEqual(new Set([runId]));
    expect(activities.calls.map((call) => call.trigger)).toEqual(['initial', 'retry', 'retry']);
  });
});

describe('a failure that will not pass', () => {
  it('is a dead letter at once', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'permanent', reason: 'REJECTED' }) });

    const failure = await withDelivery(env, activities, { history: 'permanent-failure' }, failureOf);

    expect(activities.calls).toHaveLength(1);
    expect(activities.ends).toMatchObject([{ reason: 'REJECTED' }]);
    expect(failure).toMatchObject({ type: 'DeadLetter', details: [{ reason: 'REJECTED', attempts: 1 }] });
  });
});

describe('a disabled webhook', () => {
  it('ends the delivery with a failure type of its own', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'cancelled' }) });

    const failure = await withDelivery(env, activities, { history: 'disabled-webhook' }, failureOf);

    expect(activities.ends).toMatchObject([{ reason: 'WEBHOOK_DISABLED' }]);
    expect(failure).toMatchObject({ type: 'DeliveryCancelled', details: [{ reason: 'WEBHOOK_DISABLED' }] });
  });
});

describe('a delivery that had ended before the run', () => {
  it('with success completes the run and is left as it is', async () => {
    const activities = new ScriptedActivities({
      answer: () => ({ outcome: 'ended', status: 'SUCCESS', reason: null }),
    });

    await withDelivery(env, activities, {}, (handle) => handle.result());

    expect(activities.ends).toEqual([]);
  });

  it('as a dead letter fails the run the same way, so that it stays red in the UI', async () => {
    const activities = new ScriptedActivities({
      answer: () => ({ outcome: 'ended', status: 'DEAD_LETTER', reason: 'EXHAUSTED' }),
    });

    const { failure, shown } = await withDelivery(env, activities, { history: 'ended-before' }, async (handle) => ({
      failure: await failureOf(handle),
      shown: (await handle.describe()).typedSearchAttributes.get(searchAttributes.deliveryStatus),
    }));

    expect(failure).toMatchObject({ type: 'DeadLetter', details: [{ reason: 'EXHAUSTED', last_status_code: 500 }] });
    expect(shown).toBe('DEAD_LETTER');
    expect(activities.ends).toEqual([]);
  });
});

describe('the start header', () => {
  it('hands the replay number to every attempt', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call === 1 ? 'retry' : 'success' }) });

    await withDelivery(env, activities, {}, (handle) => handle.result());

    expect(activities.calls.map((call) => call.started_replay_no)).toEqual([0, 0]);
  });

  it('is missing when a person started the workflow', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'success' }) });

    await withDelivery(env, activities, { byHand: true, history: 'started-by-hand' }, (handle) => handle.result());

    expect(activities.calls.map((call) => call.started_replay_no)).toEqual([null]);
  });
});

describe('the failure that closes the run', () => {
  it('says why, and shows no stack trace before its details', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'permanent', reason: 'REJECTED' }) });

    const failures = await withDelivery(env, activities, {}, async (handle) => {
      await failureOf(handle);
      return (await historyOf(handle)).map((event) => event.workflowExecutionFailedEventAttributes?.failure);
    });

    const failure = failures.find((one) => one);
    expect(failure?.message).toBe('REJECTED after 1 attempt: the receiver refused it for good, last: HTTP 400');
    expect(failure?.stackTrace).toBe('');
  });
});

describe('the search attribute DeliveryStatus', () => {
  it('says that the delivery fails and how it ended, and is not written for each attempt', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'retry' }) });

    const { shown, written } = await withDelivery(env, activities, { history: 'failing-is-marked' }, async (handle) => {
      await failureOf(handle);
      return { shown: await shownStatus(handle), written: await writtenStatuses(handle) };
    });

    expect(activities.calls).toHaveLength(6);
    expect(written).toEqual(['FAILED_RETRY', 'DEAD_LETTER']);
    expect(shown).toBe('DEAD_LETTER');
  });

  it('says of a delivery that failed first that it succeeded', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call < 3 ? 'retry' : 'success' }) });

    const written = await withDelivery(env, activities, {}, async (handle) => {
      await handle.result();
      return writtenStatuses(handle);
    });

    expect(written).toEqual(['FAILED_RETRY', 'SUCCESS']);
  });

  it('is not written for a delivery that succeeds at once', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'success' }) });

    const written = await withDelivery(env, activities, {}, async (handle) => {
      await handle.result();
      return writtenStatuses(handle);
    });

    expect(written).toEqual([]);
  });

  it('stays that it fails while the webhook is busy', async () => {
    const activities = new ScriptedActivities({
      answer: (call) => ({ outcome: call === 1 ? 'retry' : call === 2 ? 'busy' : 'success' }),
    });

    const written = await withDelivery(env, activities, {}, async (handle) => {
      await handle.result();
      return writtenStatuses(handle);
    });

    expect(written).toEqual(['FAILED_RETRY', 'SUCCESS']);
  });

  it('is left alone where the server does not know it', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'permanent', reason: 'REJECTED' }) });

    const events = await withDelivery(env, activities, { withSearchAttributes: false }, async (handle) => {
      await failureOf(handle);
      return historyOf(handle);
    });

    expect(events.some((event) => event.upsertWorkflowSearchAttributesEventAttributes)).toBe(false);
  });
});

async function shownStatus(handle: DeliveryHandle): Promise<string | undefined> {
  return (await handle.describe()).typedSearchAttributes.get(searchAttributes.deliveryStatus);
}

/** What the run has written after its start, in turn. */
async function writtenStatuses(handle: DeliveryHandle): Promise<string[]> {
  const name = searchAttributes.deliveryStatus.name;
  const payloads = (await historyOf(handle)).map(
    (event) => event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields?.[name],
  );
  return payloads.flatMap((payload) => (payload ? [defaultPayloadConverter.fromPayload<string>(payload)] : []));
}
