/** The claims of the outbox in Postgres: who starts which delivery when a process is lost. */
import { Client, Pool } from 'pg';
import { createClaims, type Claims } from '../../src/store/claims';
import { createDeliveryEnds } from '../../src/store/delivery-ends';
import { TestSystem, type TestTenant } from '../support/system';

const claim = { by: 'this process', forMs: 60_000 };
const url = 'https://example.com/hook';

let system: TestSystem;
let tenant: TestTenant;
let pool: Pool;
let claims: Claims;

beforeAll(async () => {
  system = await TestSystem.start();
  pool = new Pool({ connectionString: system.database.workerUrl });
  claims = createClaims(pool);
});

beforeEach(async () => {
  await system.database.query('UPDATE hook.deliveries SET claimed_by = NULL, claimed_until = NULL');
  tenant = await system.createTenant();
  await system.createWebhook(tenant, { url, ttl_seconds: 1000, timeout_ms: 3000 });
});

afterAll(async () => {
  await pool.end();
  await system.stop();
});

/** A delivery whose claim ran out so many seconds ago, or holds when that is negative. */
async function claimed({ secondsAgo = 60, status = 'PENDING', by = 'a lost process' } = {}): Promise<string> {
  const [id] = await system.publish(tenant);
  await system.database.query(
    `UPDATE hook.deliveries SET status = $2, claimed_by = $3, claimed_until = now() - $4 * interval '1 second' WHERE id = $1`,
    [id, status, by, secondsAgo],
  );
  return String(id);
}

async function row(id: string): Promise<object | undefined> {
  const rows = await system.database.query(
    `SELECT status, reason, run_id, claimed_by, claimed_until > now() AS held FROM hook.deliveries WHERE id = $1`,
    [id],
  );
  return rows[0];
}

const takeOver = async (limit = 100) => (await claims.takeOver(claim, limit)).map(({ id }) => id);

describe('a take-over', () => {
  it('brings what a start needs, and holds the claim anew', async () => {
    const id = await claimed();

    const taken = await claims.takeOver(claim, 100);

    expect(taken).toMatchObject([
      { id, tenantId: tenant.id, eventType: 'order.created', replayNo: 0, url, timeoutMs: 3000, ttlSeconds: 1000 },
    ]);
    expect(taken).toMatchObject([{ started: false, healthy: true, retryPolicy: 'default' }]);
    expect(await row(id)).toMatchObject({ status: 'PENDING', claimed_by: claim.by, held: true });
    expect(await takeOver()).toEqual([]);
  });

  it('tells those that were started before', async () => {
    const id = await claimed({ status: 'IN_PROGRESS' });

    const taken = await claims.takeOver(claim, 100);

    expect(taken).toMatchObject([{ id, started: true }]);
    expect(await row(id)).toMatchObject({ status: 'IN_PROGRESS', claimed_by: claim.by, held: true });
  });

  it('takes the oldest claims first and no more than it may', async () => {
    const [newest, oldest, middle] = [
      await claimed({ secondsAgo: 10 }),
      await claimed({ secondsAgo: 30 }),
      await claimed({ secondsAgo: 20 }),
    ];

    const first = await takeOver(2);
    const second = await takeOver(2);

    expect([...first].sort()).toEqual([oldest, middle].sort());
    expect(second).toEqual([newest]);
  });

  it('leaves a claim that holds', async () => {
    await claimed({ secondsAgo: -60 });

    expect(await takeOver()).toEqual([]);
  });

  it.each(['PAUSED', 'FAILED_RETRY', 'SUCCESS', 'DEAD_LETTER', 'CANCELLED'])(
    'leaves a delivery that is %s',
    async (status) => {
      await claimed({ status });

      expect(await takeOver()).toEqual([]);
    },
  );

  it('takes nothing while another process is at it', async () => {
    const ids = [await claimed({ secondsAgo: 20 }), await claimed({ secondsAgo: 10 })];
    const other = new Client({ connectionString: system.database.workerUrl });
    await other.connect();
    await other.query('BEGIN');
    // Its statement has ended, its transaction has not.
    const taken = await createClaims(other as unknown as Pool).takeOver({ by: 'other', forMs: 60_000 }, 1);

    const meanwhile = await takeOver();
    await other.query('COMMIT');
    const afterwards = await takeOver();

    await other.end();
    expect(taken.map(({ id }) => id)).toEqual(ids.slice(0, 1));
    expect(meanwhile).toEqual([]);
    expect(afterwards).toEqual(ids.slice(1));
  });
});

describe('a delivery marked as started', () => {
  it('is in progress and keeps its claim, so that somebody looks again', async () => {
    const id = await claimed({ secondsAgo: -60, by: claim.by });

    await claims.markStarted(claim, id, 0);

    expect(await row(id)).toMatchObject({ status: 'IN_PROGRESS', claimed_by: claim.by, held: true });
  });

  it.each(['PAUSED', 'FAILED_RETRY', 'SUCCESS', 'DEAD_LETTER', 'CANCELLED'])(
    'stays %s when it got that far',
    async (status) => {
      const id = await claimed({ status });

      await claims.markStarted(claim, id, 0);

      expect(await row(id)).toMatchObject({ status });
    },
  );
});

describe('claims given back', () => {
  it('can be taken over at once', async () => {
    const ids = [await claimed({ secondsAgo: -60, by: claim.by }), await claimed({ secondsAgo: -60, by: claim.by })];

    await claims.release(claim, ids);

    expect((await takeOver()).sort()).toEqual([...ids].sort());
  });

  it('are those of this process only', async () => {
    const id = await claimed({ secondsAgo: -60, by: 'another process' });

    await claims.release(claim, [id]);

    expect(await row(id)).toMatchObject({ claimed_by: 'another process', held: true });
  });

  it('are not those of deliveries that have recorded something since', async () => {
    const id = await claimed({ status: 'FAILED_RETRY' });
    await system.database.query('UPDATE hook.deliveries SET claimed_by = NULL, claimed_until = NULL WHERE id = $1', [
      id,
    ]);

    await claims.release(claim, [id]);

    expect(await row(id)).toMatchObject({ claimed_by: null, held: null });
  });
});

describe('the end of a delivery that was terminated', () => {
  it('is recorded once, under the run that is known, and gives its claim up', async () => {
    const id = await claimed({ status: 'IN_PROGRESS' });
    await system.database.query("UPDATE hook.deliveries SET run_id = 'run-1' WHERE id = $1", [id]);
    const ends = createDeliveryEnds(pool);

    const first = await ends.record(id, null, 'TERMINATED', 0);
    const second = await ends.record(id, null, 'TERMINATED', 0);

    expect(first).toEqual({ changed: true, attempts: 0, lastStatusCode: null });
    expect(second).toEqual({ changed: false, attempts: 0, lastStatusCode: null });
    expect(await row(id)).toEqual({
      status: 'CANCELLED',
      reason: 'TERMINATED',
      run_id: 'run-1',
      claimed_by: null,
      held: null,
    });
  });

  it('leaves no run where none is known', async () => {
    const id = await claimed();

    await createDeliveryEnds(pool).record(id, null, 'TERMINATED', 0);

    expect(await row(id)).toMatchObject({ reason: 'TERMINATED', run_id: null });
  });
});

it('of all tenants alike: who is behind with little does not wait for who is behind with much', async () => {
  const much: string[] = [];
  for (let n = 0; n < 12; n++) much.push(await claimed({ secondsAgo: 100 - n }));
  tenant = await system.createTenant();
  await system.createWebhook(tenant, { url });
  const little = [await claimed({ secondsAgo: 20 }), await claimed({ secondsAgo: 10 })];

  const first = await takeOver(6);
  const second = await takeOver(6);

  expect(first.toSorted()).toEqual([...much.slice(0, 3), ...little].toSorted());
  expect(second.toSorted()).toEqual(much.slice(3, 9).toSorted());
});

describe('what is overdue', () => {
  const overdue = async (set: string): Promise<string> => {
    const [id] = await system.publish(tenant);
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'FAILED_RETRY', claimed_by = NULL, claimed_until = NULL,
         next_attempt_at = now() - interval '1 hour' ${set} WHERE id = $1`,
      [id],
    );
    return String(id);
  };

  it('is taken, but not what waits for a slot', async () => {
    const lost = await overdue('');
    await overdue(', waiting_since = now()');

    const taken = await claims.takeOverdue(claim, 100);

    expect(taken.map(({ id }) => id)).toEqual([lost]);
  });
});

it('leaves what expired before anybody began it to be ended without a workflow', async () => {
  const expired = await claimed();
  const begun = await claimed({ status: 'IN_PROGRESS' });
  await system.database.query(
    "UPDATE hook.deliveries SET expires_at = now() - interval '1 second' WHERE id = ANY($1)",
    [[expired, begun]],
  );

  expect(await takeOver()).toEqual([begun]);
});
