/** The schedule of retention: made by the first worker, left alone by the next, readable for staff. */
import { randomUUID } from 'node:crypto';
import { Connection, ScheduleOverlapPolicy, type ScheduleDescription } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { retentionScheduleId } from '../../src/temporal/retention-schedule';
import { sharedServers } from '../support/shared-servers';
import { TestSystem } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
/** A namespace has one schedule, and workers of other tests mend it for themselves. */
const env = { TEMPORAL_NAMESPACE: `test-${randomUUID()}` };

beforeAll(async () => {
  const connection = await Connection.connect({ address: sharedServers().temporalAddress });
  await connection.workflowService.registerNamespace({
    namespace: env.TEMPORAL_NAMESPACE,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  await connection.close();
  system = await TestSystem.start({ worker: true, env });
}, 60_000);

afterAll(() => system.stop());

const schedule = () => system.ctx.temporal.client.schedule.getHandle(retentionScheduleId);
const scheduleWith = (isAsExpected: (description: ScheduleDescription) => boolean = () => true) =>
  waitFor(async () => {
    const description = await schedule()
      .describe()
      .catch(() => undefined);
    return description && isAsExpected(description) && description;
  }, 'the schedule');

it('is there once a worker has started, and tells what it is', async () => {
  const { spec, policies, action, state } = await scheduleWith();

  expect(spec.intervals).toMatchObject([{ every: 3_600_000 }]);
  expect(policies.overlap).toBe(ScheduleOverlapPolicy.SKIP);
  expect(action).toMatchObject({ type: 'startWorkflow', workflowType: 'maintenance' });
  expect(action.staticSummary).toBe('Removes what is older than it is kept');
  expect(action.staticDetails).toContain('`RETENTION_DAYS`');
  expect(state).toMatchObject({ paused: false });
  expect(state.note).toContain('every hour');
});

it('survives the start of another worker, which keeps a pause and mends the rest', async () => {
  await scheduleWith();
  await schedule().update((before) => ({ ...before, spec: { intervals: [{ every: '9 hours' }] } }));
  await schedule().pause('kept for an audit');

  const second = await TestSystem.start({ worker: true, after: system, env });
  const { state } = await scheduleWith(({ spec }) => spec.intervals?.[0]?.every === 3_600_000);
  await second.stop({ keepData: true });

  expect(state).toMatchObject({ paused: true, note: 'kept for an audit' });
  await schedule().unpause();
});

it('is made again when somebody has deleted it', async () => {
  await scheduleWith();
  await schedule().delete();

  await system.ctx.temporal.ensureRetention();

  expect((await schedule().describe()).scheduleId).toBe(retentionScheduleId);
});

it('runs retention when it is triggered', async () => {
  await system.ctx.temporal.ensureRetention();
  await system.database.query(
    `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, expires_at, created_at, completed_at)
     SELECT '01ARZ3NDEKTSV4RRFFQ69G5FAV', 't', 'w', 'e', 'a', 'SUCCESS', at, at, at FROM (SELECT timestamptz '2016-07-30') t (at)`,
  );

  await schedule().trigger();

  await waitFor(async () => (await system.database.query('SELECT 1 FROM hook.deliveries')).length === 0, 'retention');
  const run = await waitFor(async () => {
    const { info } = await schedule().describe();
    return info.recentActions.at(-1)?.action.workflow;
  }, 'the run');
  const status = (await system.ctx.temporal.client.workflow.getHandle(run.workflowId).result()) as {
    deliveries: { removed: number };
  };
  expect(status.deliveries.removed).toBe(1);
});
