/** Slots for POSTs in flight, leased from one database by several workers. */
import { Pool } from 'pg';
import { newId } from '../../src/domain/ids';
import { Slots, type SlotPlace } from '../../src/delivery/slots';
import { createSlotLeases, removeLapsedLeases } from '../../src/store/slot-leases';
import { createDatabase, type TestDatabase } from '../support/database';
import { waitFor } from '../support/wait-for';

let database: TestDatabase;
let pool: Pool;
const workers: Slots[] = [];

beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool({ connectionString: database.workerUrl, max: 5 });
});

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.stop();
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

function startWorker(leaseMs = 1_500): Slots {
  const slots = new Slots({ leases: createSlotLeases(pool, newId()), leaseMs, onRenewalFailed: () => {} });
  slots.start();
  workers.push(slots);
  return slots;
}

const somewhere = (limits: Partial<SlotPlace> = {}): SlotPlace => ({
  tenantId: newId(),
  webhookId: newId(),
  maxInFlight: 10,
  maxConcurrent: 50,
  ...limits,
});

/** @returns how to give back what could be taken of so many */
async function takeMany(slots: Slots, place: SlotPlace, count: number): Promise<(() => void)[]> {
  const taken = await Promise.all(Array.from({ length: count }, () => slots.take(place)));
  return taken.filter((giveBack) => giveBack !== undefined);
}

it('one worker may take all of them at once, and not one more', async () => {
  const place = somewhere();

  const taken = await takeMany(startWorker(), place, 25);

  expect(taken).toHaveLength(10);
});

it('several workers never take more than the limit between them', async () => {
  const place = somewhere();
  const several = [startWorker(), startWorker(), startWorker()];

  const taken = await Promise.all(several.map((worker) => takeMany(worker, place, 10)));

  expect(taken.flat().length).toBeLessThanOrEqual(10);
  expect(taken.flat().length).toBeGreaterThanOrEqual(8);
});

it('the limit of the tenant holds over all of its webhooks and all workers', async () => {
  const place = somewhere({ maxConcurrent: 6 });
  const other = { ...place, webhookId: newId() };
  const [a, b] = [startWorker(), startWorker()];

  const taken = [...(await takeMany(a, place, 4)), ...(await takeMany(b, other, 4))];

  expect(taken.length).toBeLessThanOrEqual(6);
  expect(taken.length).toBeGreaterThanOrEqual(5);
});

it('what one worker gives back another can take', async () => {
  const place = somewhere({ maxInFlight: 4 });
  const [a, b] = [startWorker(), startWorker()];
  const taken = await takeMany(a, place, 4);
  expect(await b.take(place)).toBeUndefined();

  for (const giveBack of taken) giveBack();

  await waitFor(async () => (await b.take(place)) !== undefined, 'the slot');
});

it('what is being given back is not handed out meanwhile', async () => {
  const place = somewhere({ maxInFlight: 4 });
  const leases = createSlotLeases(pool, newId());
  let giveBackMayBegin = (): void => {};
  let isGivingBack = false;
  const gate = new Promise<void>((resolve) => (giveBackMayBegin = resolve));
  const a = new Slots({
    leaseMs: 1_500,
    onRenewalFailed: () => {},
    leases: {
      ...leases,
      async lease(requests, forMs) {
        const givesBack = requests.some(({ webhookId, wanted }) => webhookId === place.webhookId && wanted === 0);
        if (givesBack && !isGivingBack) {
          isGivingBack = true;
          await gate;
        }
        return leases.lease(requests, forMs);
      },
    },
  });
  a.start();
  workers.push(a);
  const b = startWorker();
  for (const giveBack of await takeMany(a, place, 4)) giveBack();
  await waitFor(async () => {
    expect(await b.take(place)).toBeUndefined();
    return isGivingBack;
  }, 'the slots to be given back');

  let takenByA = 0;
  const taking = a.take(place).then((giveBack) => {
    if (giveBack) takenByA++;
  });
  giveBackMayBegin();
  await taking;
  let takenByB = 0;
  await waitFor(async () => {
    takenByB += (await takeMany(b, place, 4)).length;
    return takenByB >= 3;
  }, 'the other worker to have what was given back');

  expect(takenByA + takenByB).toBeLessThanOrEqual(4);
});

it('what a burst asks for while they are being given back counts with what comes after it', async () => {
  const place = somewhere({ maxInFlight: 4 });
  const leases = createSlotLeases(pool, newId());
  let burst: Promise<(() => void)[]> | undefined;
  const a = new Slots({
    leaseMs: 1_500,
    onRenewalFailed: () => {},
    leases: {
      ...leases,
      lease(requests, forMs) {
        const givesBack = requests.some(({ webhookId, wanted }) => webhookId === place.webhookId && wanted === 0);
        if (givesBack) burst ??= Promise.resolve().then(() => takeMany(a, place, 4));
        return leases.lease(requests, forMs);
      },
    },
  });
  a.start();
  workers.push(a);
  const b = startWorker();
  for (const giveBack of await takeMany(a, place, 4)) giveBack();
  const takenByB: (() => void)[] = [];
  await waitFor(async () => {
    // Its asking is what makes the other give them back; it may well be the one who gets some.
    takenByB.push(...(await takeMany(b, place, 1)));
    return burst;
  }, 'the slots to be given back');

  const taken = [...((await burst) ?? []), ...(await takeMany(a, place, 4)), ...takenByB];

  expect(taken.length).toBeLessThanOrEqual(4);
});

it('a worker that could always use more leaves the others their share', async () => {
  const place = somewhere({ maxInFlight: 100, maxConcurrent: 20 });
  const [a, b] = [startWorker(), startWorker()];
  const takenByA = await takeMany(a, place, 20);
  const takenByB: (() => void)[] = [];

  await waitFor(async () => {
    takenByB.push(...(await takeMany(b, place, 20)));
    // Admission looks for room as soon as a POST has ended.
    takenByA.shift()?.();
    await a.room(place, 100);
    takenByA.push(...(await takeMany(a, place, 1)));
    return takenByB.length >= 8;
  }, 'the other worker to have its share');

  expect(takenByA.length + takenByB.length).toBeLessThanOrEqual(20);
});

it('nothing is leased of the tenant for a webhook that has no slot left', async () => {
  const place = somewhere({ maxInFlight: 2, maxConcurrent: 20 });
  const worker = startWorker();
  await takeMany(worker, place, 2);

  await worker.room(place, 100);

  const [lease] = await database.query(
    "SELECT slots FROM hook.in_flight_leases WHERE tenant_id = $1 AND webhook_id = ''",
    [place.tenantId],
  );
  expect(lease).toEqual({ slots: 2 });
});

it('those of a worker that died are free again when its lease has lapsed', async () => {
  const place = somewhere({ maxInFlight: 2 });
  const dead = new Slots({ leases: createSlotLeases(pool, newId()), leaseMs: 1_000, onRenewalFailed: () => {} });
  expect(await takeMany(dead, place, 2)).toHaveLength(2);
  const living = startWorker();
  expect(await living.take(place)).toBeUndefined();

  // It neither renews nor gives back.
  await waitFor(async () => (await living.take(place)) !== undefined, 'the lease to lapse');
});

it('those that are taken stay taken however long it lasts', async () => {
  const place = somewhere({ maxInFlight: 1 });
  const [a, b] = [startWorker(600), startWorker(600)];
  await a.take(place);
  const [before] = await database.query<{ until: Date }>(
    'SELECT until FROM hook.in_flight_leases WHERE webhook_id = $1',
    [place.webhookId],
  );

  await waitFor(async () => {
    const [lease] = await database.query<{ late: boolean }>(
      `SELECT until > $2::timestamptz + interval '600 milliseconds' AS late FROM hook.in_flight_leases
       WHERE webhook_id = $1 AND slots > 0`,
      [place.webhookId, before?.until],
    );
    return lease?.late;
  }, 'the lease to be renewed past its first end');

  expect(await b.take(place)).toBeUndefined();
});

it('a limit that is lowered holds for what begins from then on', async () => {
  const place = somewhere({ maxInFlight: 5 });
  const worker = startWorker();
  const taken = await takeMany(worker, place, 5);
  for (const giveBack of taken.slice(0, 2)) giveBack();

  expect(await worker.take({ ...place, maxInFlight: 3 })).toBeUndefined();
  await waitFor(async () => (await worker.take({ ...place, maxInFlight: 4 })) !== undefined, 'the raised limit');
});

it('a busy webhook costs far fewer leases than attempts', async () => {
  const place = somewhere();
  const leases = createSlotLeases(pool, newId());
  const lease = jest.spyOn(leases, 'lease');
  const slots = new Slots({ leases, leaseMs: 15_000, onRenewalFailed: () => {} });
  workers.push(slots);

  for (let n = 0; n < 200; n++) (await slots.take(place))?.();

  expect(lease.mock.calls.length).toBeLessThan(5);
});

it('nothing is left of a worker that has ended', async () => {
  const place = somewhere();
  const worker = startWorker();
  (await worker.take(place))?.();

  await worker.stop();

  expect(await database.query('SELECT 1 FROM hook.in_flight_leases WHERE tenant_id = $1', [place.tenantId])).toEqual(
    [],
  );
});

it('what a dead worker had is forgotten in the end, though nobody asks for slots there again', async () => {
  const { tenantId } = somewhere();
  const lease = (worker: string, until: string): Promise<unknown> =>
    database.query(
      `INSERT INTO hook.in_flight_leases (tenant_id, webhook_id, worker_id, slots, used, until)
       VALUES ($1, 'any', $2, 1, 0, now() + $3::interval)`,
      [tenantId, worker, until],
    );
  await lease('dead', '-2 hours');
  await lease('late', '-1 minute');

  await removeLapsedLeases(pool);

  const left = await database.query('SELECT worker_id FROM hook.in_flight_leases WHERE tenant_id = $1', [tenantId]);
  expect(left).toEqual([{ worker_id: 'late' }]);
});
