import { WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { DeliveryStatusAnswer } from '../../src/temporal/contracts';
import { searchAttributes } from '../../src/temporal/search-attributes';
import { cancelSignal, resumeSignal, retryNowSignal, statusQuery } from '../../workflows/delivery';
import { ScriptedActivities, startTimeSkipping, withDelivery, type DeliveryHandle } from '../support/time-skipping';
import { waitFor } from '../support/wait-for';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
}, 60_000);

afterAll(() => env.teardown());

/** Time stands still meanwhile: nothing awaits a result. */
function untilState(handle: DeliveryHandle, state: DeliveryStatusAnswer['state']): Promise<DeliveryStatusAnswer> {
  return waitFor(async () => {
    const status = await handle.query(statusQuery);
    return status.state === state && status;
  }, `state ${state}`);
}

async function failureOf(handle: DeliveryHandle): Promise<unknown> {
  const error = await handle.result().catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause;
}

describe('between attempts', () => {
  const failingOnce = () =>
    new ScriptedActivities({ answer: (call) => ({ outcome: call === 1 ? 'retry' : 'success' }) });

  it('retryNow makes the next attempt at once', async () => {
    const activities = failingOnce();

    await withDelivery(
      env,
      activities,
      { policy: { delays_seconds: [3600] }, history: 'retry-now-during-backoff' },
      async (handle) => {
        await untilState(handle, 'waiting');
        await handle.signal(retryNowSignal);
        await handle.result();
      },
    );

    expect(activities.pausesSeconds()[0]).toBeLessThan(60);
    expect(activities.calls[1]?.trigger).toBe('manual');
  });

  it('a resume that comes late does not cut the wait short', async () => {
    const activities = failingOnce();

    await withDelivery(env, activities, { policy: { delays_seconds: [3600] } }, async (handle) => {
      await untilState(handle, 'waiting');
      await handle.signal(resumeSignal);
      await handle.result();
    });

    expect(activities.pausesSeconds()[0]).toBeGreaterThan(3600 * 0.9 - 1);
  });

  it('cancel ends the delivery without a further attempt', async () => {
    const activities = failingOnce();

    const failure = await withDelivery(
      env,
      activities,
      { policy: { delays_seconds: [3600] }, history: 'cancel-signal-during-backoff' },
      async (handle) => {
        await untilState(handle, 'waiting');
        await handle.signal(cancelSignal);
        return failureOf(handle);
      },
    );

    expect(activities.calls).toHaveLength(1);
    expect(activities.ends).toMatchObject([{ reason: 'CANCELLED' }]);
    expect(failure).toMatchObject({ type: 'DeliveryCancelled' });
  });

  it('the cancellation of the UI means the same', async () => {
    const activities = failingOnce();

    const failure = await withDelivery(
      env,
      activities,
      { policy: { delays_seconds: [3600] }, history: 'ui-cancellation-during-backoff' },
      async (handle) => {
        await untilState(handle, 'waiting');
        await handle.cancel();
        return failureOf(handle);
      },
    );

    expect(activities.ends).toMatchObject([{ reason: 'CANCELLED' }]);
    expect(failure).toMatchObject({ type: 'DeliveryCancelled' });
  });

  it('the status query says what happened and when it goes on', async () => {
    const activities = failingOnce();

    const status = await withDelivery(env, activities, { policy: { delays_seconds: [3600] } }, async (handle) => {
      const waiting = await untilState(handle, 'waiting');
      await handle.signal(cancelSignal);
      await failureOf(handle);
      return waiting;
    });

    expect(status).toMatchObject({ attempts: 1, last_error: 'HTTP 503' });
    const inSeconds = (Date.parse(status.next_attempt_at ?? '') - Date.parse(activities.calls[0]?.at ?? '')) / 1000;
    expect(inSeconds).toBeGreaterThan(3600 * 0.9);
    expect(inSeconds).toBeLessThan(3600 * 1.1 + 5);
  });
});

describe('during an attempt', () => {
  it('cancel lets it end: what was delivered is a success', async () => {
    let sent: () => void = () => {};
    const answered = new Promise<void>((resolve) => (sent = resolve));
    const activities = new ScriptedActivities({
      answer: async () => {
        await answered;
        return { outcome: 'success' };
      },
    });

    await withDelivery(env, activities, { history: 'cancel-during-successful-attempt' }, async (handle) => {
      await waitFor(() => activities.calls.length === 1);
      await handle.signal(cancelSignal);
      sent();
      await handle.result();
    });

    expect(activities.ends).toEqual([]);
  });

  it('cancel keeps a failed one from being followed by another', async () => {
    let sent: () => void = () => {};
    const answered = new Promise<void>((resolve) => (sent = resolve));
    const activities = new ScriptedActivities({
      answer: async () => {
        await answered;
        return { outcome: 'retry' };
      },
    });

    await withDelivery(env, activities, {}, async (handle) => {
      await waitFor(() => activities.calls.length === 1);
      await handle.cancel();
      sent();
      await failureOf(handle);
    });

    expect(activities.calls).toHaveLength(1);
    expect(activities.ends).toMatchObject([{ reason: 'CANCELLED' }]);
  });
});

describe('an attempt that cannot be made', () => {
  it('does not keep the delivery from being cancelled', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ throws: 'the key was disabled' }) });

    const failure = await withDelivery(env, activities, {}, async (handle) => {
      await untilState(handle, 'blocked');
      await handle.signal(cancelSignal);
      return failureOf(handle);
    });

    expect(activities.ends).toMatchObject([{ reason: 'CANCELLED' }]);
    expect(failure).toMatchObject({ type: 'DeliveryCancelled' });
  });
});

describe('a paused webhook', () => {
  it('parks the delivery until it is resumed, without counting an attempt', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call === 1 ? 'parked' : 'success' }) });

    const parked = await withDelivery(env, activities, { history: 'park-and-resume' }, async (handle) => {
      const status = await untilState(handle, 'parked');
      const { typedSearchAttributes } = await handle.describe();
      await handle.signal(resumeSignal);
      await handle.result();
      return { status, shown: typedSearchAttributes.get(searchAttributes.deliveryStatus) };
    });

    expect(parked).toMatchObject({ status: { attempts: 0 }, shown: 'PAUSED' });
    expect(activities.calls.map((call) => call.trigger)).toEqual(['initial', 'resume']);
  });

  it('does not lose a resume that comes while the delivery is being parked', async () => {
    let parked: () => void = () => {};
    const parking = new Promise<void>((resolve) => (parked = resolve));
    const activities = new ScriptedActivities({
      answer: async (call) => {
        if (call > 1) return { outcome: 'success' };
        await parking;
        return { outcome: 'parked' };
      },
    });

    await withDelivery(env, activities, { history: 'resume-while-parking' }, async (handle) => {
      await waitFor(() => activities.calls.length === 1);
      await handle.signal(resumeSignal);
      parked();
      await handle.result();
    });

    expect(activities.pausesSeconds()[0]).toBeLessThan(60);
  });

  it('is asked again after about six hours when the signal got lost', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call === 1 ? 'parked' : 'success' }) });

    await withDelivery(env, activities, { history: 'park-until-the-net' }, (handle) => handle.result());

    const [pause = 0] = activities.pausesSeconds();
    expect(pause).toBeGreaterThan(4.5 * 3600 - 1);
    expect(pause).toBeLessThan(7.5 * 3600 + 5);
  });

  it('does not keep a delivery beyond its time', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'parked' }), ttlMs: 600_000 });

    const failure = await withDelivery(env, activities, { history: 'expiry-while-parked' }, failureOf);

    expect(activities.calls).toHaveLength(1);
    expect(activities.ends).toMatchObject([{ reason: 'EXPIRED' }]);
    expect(failure).toMatchObject({ type: 'DeadLetter' });
  });
});

describe('a busy webhook', () => {
  it('is asked again after a minute, without counting an attempt', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call <= 3 ? 'busy' : 'success' }) });

    await withDelivery(env, activities, { history: 'busy-webhook' }, (handle) => handle.result());

    for (const pause of activities.pausesSeconds()) {
      expect(pause).toBeGreaterThan(60 * 0.75 - 0.1);
      expect(pause).toBeLessThan(60 * 1.25 + 2);
    }
  });

  it('lets its deliveries go on at once when it is their turn', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call === 1 ? 'busy' : 'success' }) });

    await withDelivery(env, activities, {}, async (handle) => {
      await untilState(handle, 'busy');
      await handle.signal(resumeSignal);
      await handle.result();
    });

    expect(activities.pausesSeconds()[0]).toBeLessThan(40);
  });
});

describe('a delivery that waits for very long', () => {
  it('has its time once, not once for each run', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ throws: 'the key was deleted' }) });
    const hours = 4.6;

    const failure = await withDelivery(env, activities, { ttlMs: hours * 3_600_000 }, failureOf);

    const runs = new Set(activities.calls.map((call) => call.run_id)).size;
    const tookMs = Date.parse(activities.calls.at(-1)?.at ?? '') - Date.parse(activities.calls[0]?.at ?? '');
    expect(runs).toBe(2);
    expect(tookMs / 3_600_000).toBeLessThan(hours + 0.1);
    expect(failure).toMatchObject({ type: 'DeadLetter', details: [{ reason: 'EXPIRED' }] });
  }, 120_000);

  it('goes on in a new run, still as the start by Everhook that it was', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call <= 201 ? 'busy' : 'success' }) });

    const runs = await withDelivery(env, activities, {}, async (handle) => {
      await handle.result();
      return new Set(activities.calls.map((call) => call.run_id)).size;
    });

    expect(runs).toBe(2);
    expect(activities.calls.map((call) => call.try).slice(-3)).toEqual([200, 1, 2]);
    expect(new Set(activities.calls.map((call) => call.started_replay_no))).toEqual(new Set([0]));
  });
});

describe('a run that goes on for one that was lost', () => {
  it('makes its first attempt when that is due, and not before', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'success' }) });
    const startedAt = await env.currentTimeMs();
    const notBefore = new Date(startedAt + 3_600_000).toISOString();

    await withDelivery(env, activities, { notBefore, history: 'not-before' }, (handle) => handle.result());

    const [first] = activities.calls;
    expect(Date.parse(first?.at ?? '')).toBeGreaterThanOrEqual(startedAt + 3_600_000);
    expect(first?.trigger).toBe('retry');
  });

  it('makes it at once when somebody asks for that', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'success' }) });
    const startedAt = await env.currentTimeMs();
    const notBefore = new Date(startedAt + 3_600_000).toISOString();

    await withDelivery(env, activities, { notBefore }, async (handle) => {
      await untilState(handle, 'waiting');
      await handle.signal(retryNowSignal);
      await handle.result();
    });

    expect(Date.parse(activities.calls[0]?.at ?? '')).toBeLessThan(startedAt + 600_000);
    expect(activities.calls[0]?.trigger).toBe('manual');
  });
});
