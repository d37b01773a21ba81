import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { namedPolicies } from '../../src/domain/retry-policy';
import { ScriptedActivities, startTimeSkipping, withDelivery } from '../support/time-skipping';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
}, 60_000);

afterAll(() => env.teardown());

const alwaysFailing = () => new ScriptedActivities({ answer: () => ({ outcome: 'retry' }) });

function expectPauses(activities: ScriptedActivities, delaysSeconds: readonly number[]): void {
  const pauses = activities.pausesSeconds();
  expect(pauses).toHaveLength(delaysSeconds.length);
  delaysSeconds.forEach((delay, i) => {
    expect(pauses[i]).toBeGreaterThanOrEqual(delay * 0.9 - 0.1);
    // The server's clock goes on while activities run.
    expect(pauses[i]).toBeLessThanOrEqual(delay * 1.1 + 2);
  });
}

describe('a receiver that always fails', () => {
  it.each([
    ['default', 341],
    ['extended', 38_130],
  ] as const)('gets the six attempts of the %s policy over about %d s, then a dead letter', async (policy, seconds) => {
    const activities = alwaysFailing();

    const failure = await withDelivery(
      env,
      activities,
      { policy, history: `dead-letter-after-${policy}-policy` },
      (handle) => handle.result().catch((e: unknown) => e),
    );

    expectPauses(activities, namedPolicies[policy]);
    const total = activities.pausesSeconds().reduce((sum, pause) => sum + pause, 0);
    expect(total).toBeGreaterThan(seconds * 0.9);
    expect(total).toBeLessThan(seconds * 1.1 + 10);
    expect(activities.ends).toMatchObject([{ reason: 'EXHAUSTED' }]);
    expect(deadLetterOf(failure)).toMatchObject({
      type: 'DeadLetter',
      nonRetryable: true,
      details: [{ reason: 'EXHAUSTED', attempts: 6, last_status_code: 503 }],
    });
  });

  it('gets the attempts of a custom list of delays', async () => {
    const activities = alwaysFailing();

    await withDelivery(env, activities, { policy: { delays_seconds: [3, 600] } }, (handle) =>
      handle.result().catch(() => {}),
    );

    expectPauses(activities, [3, 600]);
  });

  it('gets a single attempt when the list is empty', async () => {
    const activities = alwaysFailing();

    await withDelivery(env, activities, { policy: { delays_seconds: [] } }, (handle) =>
      handle.result().catch(() => {}),
    );

    expect(activities.calls).toHaveLength(1);
    expect(activities.ends).toMatchObject([{ reason: 'EXHAUSTED' }]);
  });
});

describe('a receiver that recovers', () => {
  it('is not called again after it accepted', async () => {
    const activities = new ScriptedActivities({ answer: (call) => ({ outcome: call < 3 ? 'retry' : 'success' }) });

    await withDelivery(env, activities, {}, (handle) => handle.result());

    expectPauses(activities, [1, 4]);
    expect(activities.ends).toEqual([]);
  });
});

describe('Retry-After', () => {
  it('makes the pause longer than the policy has it', async () => {
    const activities = new ScriptedActivities({
      answer: (call) => (call === 1 ? { outcome: 'retry', retryAfterMs: 120_000 } : { outcome: 'success' }),
    });

    await withDelivery(env, activities, {}, (handle) => handle.result());

    const [pause] = activities.pausesSeconds();
    expect(pause).toBeGreaterThanOrEqual(120);
    expect(pause).toBeLessThan(123);
  });

  it('does not make it shorter', async () => {
    const activities = new ScriptedActivities({
      answer: (call) => (call === 1 ? { outcome: 'retry', retryAfterMs: 1_000 } : { outcome: 'success' }),
    });

    await withDelivery(env, activities, { policy: { delays_seconds: [100] } }, (handle) => handle.result());

    expect(activities.pausesSeconds()[0]).toBeGreaterThanOrEqual(90);
  });
});

describe('the time a delivery has', () => {
  it('ends it EXPIRED at that time, although the policy would go on', async () => {
    const activities = new ScriptedActivities({ answer: () => ({ outcome: 'retry' }), ttlMs: 50_000 });

    await withDelivery(env, activities, { history: 'expiry-during-backoff' }, (handle) =>
      handle.result().catch(() => {}),
    );

    // Attempts after 0, 1, 5 and 21 s; the one due after 85 s is not made.
    expect(activities.calls).toHaveLength(4);
    expect(activities.ends).toMatchObject([{ reason: 'EXPIRED' }]);
  });
});

function deadLetterOf(failure: unknown): unknown {
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  const { cause } = failure as WorkflowFailedError;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  return cause;
}
