/** What becomes in Postgres of deliveries whose time was over before anybody began them. */
import { Client, Pool } from 'pg';
import { createExpire, type Expire } from '../../src/store/expiry';
import { TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;
let pool: Pool;
let expire: Expire;

beforeAll(async () => {
  system = await TestSystem.start();
  pool = new Pool({ connectionString: system.database.workerUrl });
  expire = createExpire(pool);
});

beforeEach(async () => {
  await system.database.query("UPDATE hook.deliveries SET expires_at = now() + interval '1 hour'");
  tenant = await system.createTenant();
  await system.createWebhook(tenant, { url: 'https://example.com/hook' });
});

afterAll(async () => {
  await pool.end();
  await system.stop();
});

/** @param state of its row, in SQL; nobody has claimed it unless this says so */
async function expired({ secondsAgo = 1, state = "status = 'PENDING'" } = {}): Promise<string> {
  const [id] = await system.publish(tenant);
  await system.database.query(
    `UPDATE hook.deliveries SET claimed_by = NULL, claimed_until = NULL, expires_at = now() - $2 * interval '1 second'
     WHERE id = $1`,
    [id, secondsAgo],
  );
  await system.database.query(`UPDATE hook.deliveries SET ${state} WHERE id = $1`, [id]);
  return String(id);
}

const expiredIds = async (limit = 100) => (await expire(limit)).map(({ id }) => id).toSorted();

it('makes a dead letter of what waits or is parked, and says whose', async () => {
  const waiting = await expired({ state: 'waiting_since = now()' });
  const parked = await expired({ state: "status = 'PAUSED', parked_version = 1, attempts = 2" });

  const ended = await expire(100);

  expect(
    ended.map(({ id, tenantId, attempts }) => ({ id, tenantId, attempts })).toSorted((a, b) => a.attempts - b.attempts),
  ).toEqual([
    { id: waiting, tenantId: tenant.id, attempts: 0 },
    { id: parked, tenantId: tenant.id, attempts: 2 },
  ]);
  const rows = await system.database.query(
    `SELECT DISTINCT status, reason, completed_at IS NOT NULL AS completed, waiting_since, parked_version
     FROM hook.deliveries WHERE id = ANY($1)`,
    [[waiting, parked]],
  );
  expect(rows).toEqual([
    { status: 'DEAD_LETTER', reason: 'EXPIRED', completed: true, waiting_since: null, parked_version: null },
  ]);
  expect(await expiredIds()).toEqual([]);
});

it('leaves alone what somebody begins, has begun, or still has time for', async () => {
  await expired({ state: "claimed_by = 'somebody', claimed_until = now() + interval '1 second'" });
  await expired({ state: "status = 'IN_PROGRESS'" });
  await expired({ state: "status = 'FAILED_RETRY'" });
  await expired({ state: "run_id = 'its workflow'" });
  await expired({ secondsAgo: -60 });

  expect(await expiredIds()).toEqual([]);
});

it('waits for a POST that was begun in time by whoever let its claim lapse', async () => {
  const lapsed = "claimed_by = 'a lost process', claimed_until = now() - interval '1 second'";
  await expired({ secondsAgo: 50, state: lapsed });
  const longAgo = await expired({ secondsAgo: 70, state: lapsed });

  expect(await expiredIds()).toEqual([longAgo]);
});

it('ends those first whose time was over first, up to the limit', async () => {
  const [later, first, second] = [
    await expired({ secondsAgo: 10 }),
    await expired({ secondsAgo: 30 }),
    await expired({ secondsAgo: 20 }),
  ];

  expect(await expiredIds(2)).toEqual([first, second].toSorted());
  expect(await expiredIds(2)).toEqual([later]);
});

it('ends none while another process is at it', async () => {
  const id = await expired();
  const other = new Client({ connectionString: system.database.workerUrl });
  await other.connect();
  await other.query('BEGIN');
  await other.query('SELECT pg_advisory_xact_lock(5301003)');
  expect(await expiredIds()).toEqual([]);
  await other.query('ROLLBACK');
  await other.end();

  expect(await expiredIds()).toEqual([id]);
});
