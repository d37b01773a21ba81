/** The line in which deliveries wait that found no slot. */
import { newId } from '../../src/domain/ids';
import { createAttempts } from '../../src/store/attempts';
import { createWaiting, type Waiting } from '../../src/store/waiting';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

const claim = { by: 'this process', forMs: 60_000 };

let system: TestSystem;
let tenant: TestTenant;
let webhookId: string;
let waiting: Waiting;

beforeAll(async () => {
  system = await TestSystem.start();
  waiting = createWaiting(system.ctx.workerPool);
});

beforeEach(async () => {
  tenant = await system.createTenant();
  ({ id: webhookId } = await system.createWebhook(tenant, { url: 'https://example.com/hook' }));
  await system.database.query('UPDATE hook.webhook_configs SET crowded = true WHERE id = $1', [webhookId]);
});

afterAll(() => system.stop());

/** A delivery that waits, and was accepted so many seconds ago. */
async function accepted(secondsAgo: number): Promise<string> {
  const [id = ''] = await system.publish(tenant);
  await system.database.query(
    `UPDATE hook.deliveries SET created_at = d.at, waiting_since = d.at
     FROM (SELECT now() - $2 * interval '1 second' AS at) d WHERE id = $1`,
    [id, secondsAgo],
  );
  return id;
}

const admit = async (limit: number): Promise<string[]> =>
  (await waiting.admit(webhookId, claim, limit)).map(({ id }) => id);

const waitAgain = (id: string, runId: string | null = null): Promise<void> =>
  createAttempts(system.ctx.workerPool).wait(id, runId, 0);

it('is led by the oldest', async () => {
  const [second, first, third] = [await accepted(20), await accepted(30), await accepted(10)];

  expect([await admit(1), await admit(1), await admit(5), await admit(5)]).toEqual([[first], [second], [third], []]);
});

it('keeps the place of what was admitted and found no slot after all', async () => {
  const [first, second] = [await accepted(20), await accepted(10)];

  expect(await admit(1)).toEqual([first]);
  await waitAgain(first);

  expect([await admit(1), await admit(1)]).toEqual([[first], [second]]);
});

it('has a retry by the age of its delivery, so that what was begun is finished first', async () => {
  const [retry, younger, older] = [await accepted(50), await accepted(10), await accepted(100)];
  await system.database.query(
    "UPDATE hook.deliveries SET status = 'FAILED_RETRY', next_attempt_at = now(), waiting_since = NULL WHERE id = $1",
    [retry],
  );

  await waitAgain(retry, newId());

  expect([await admit(1), await admit(1), await admit(1)]).toEqual([[older], [retry], [younger]]);
});

it('has a replay where it was asked for', async () => {
  const [replay, other] = [await accepted(100), await accepted(10)];
  await system.database.query('UPDATE hook.deliveries SET replayed_at = now(), waiting_since = NULL WHERE id = $1', [
    replay,
  ]);

  await waitAgain(replay);

  expect([await admit(1), await admit(1)]).toEqual([[other], [replay]]);
});

it('leaves what has expired unbegun to the sweep, and lets go on what a workflow has to end', async () => {
  const [unbegun, begun, open] = [await accepted(100), await accepted(50), await accepted(10)];
  await system.database.query(
    "UPDATE hook.deliveries SET expires_at = now() - interval '1 second' WHERE id = ANY($1)",
    [[unbegun, begun]],
  );
  await waitAgain(begun, newId());

  expect(await admit(5)).toEqual([begun, open]);
});

it('keeps those that have a workflow while Temporal is away, and lets the others go on', async () => {
  const [begun, fresh] = [await accepted(20), await accepted(10)];
  await system.database.query("UPDATE hook.deliveries SET status = 'IN_PROGRESS', run_id = $2 WHERE id = $1", [
    begun,
    newId(),
  ]);
  const isWaiting = async (id: string) => {
    const [row] = await system.database.query<{ waiting: boolean }>(
      'SELECT waiting_since IS NOT NULL AS waiting FROM hook.deliveries WHERE id = $1',
      [id],
    );
    return row?.waiting;
  };
  // Without a worker there is no Temporal to be told of anything.
  const { admission } = system.ctx;
  admission.start();
  await waitFor(async () => !(await isWaiting(fresh)), 'the one without a workflow to go on');
  await waitFor(() => isWaiting(begun), 'the other to be put back');
  await admission.stop();

  expect(await admit(5)).toEqual([begun]);
  const [webhook] = await system.database.query('SELECT crowded FROM hook.webhook_configs WHERE id = $1', [webhookId]);
  expect(webhook).toEqual({ crowded: true });
});
