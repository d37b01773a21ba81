/** Group commit on a write that ends when the test says so, under fake time. */
import { AttemptRecorder, type AttemptRecorderOptions } from '../../../src/delivery/attempt-recorder';
import type { AttemptRecord } from '../../../src/store/attempt-records';

function attemptRecord(deliveryId: string): AttemptRecord {
  return {
    deliveryId,
    runId: 'run-1',
    try: 1,
    attemptedOn: '2026-01-02',
    attemptNumber: 1,
    outcome: 'success',
    reason: null,
    httpStatusCode: 200,
    errorCode: null,
    retryAfterMs: null,
    tenantId: 'acme',
    deliveryRunId: 'run',
    webhookId: 'webhook-1',
    replayNo: 0,
    trigger: 'initial',
    errorMessage: null,
    responseBodyPreview: null,
    responseHeaders: null,
    remoteIp: null,
    timings: null,
    durationMs: 1,
    attemptedAt: new Date('2026-01-02T03:04:05Z'),
    status: 'SUCCESS',
    nextAttemptAt: null,
  };
}

function arrange(options: Omit<AttemptRecorderOptions, 'write'> = {}) {
  /** Delivery ids of each write, in order. */
  const writes: string[][] = [];
  /** Ends the write under way. */
  const underWay: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const retried: unknown[] = [];
  const database = { answers: true, isDown: false, refused: new Map<string, string>() };
  const recorder = new AttemptRecorder({
    gatherMs: 2,
    onRetry: (error) => retried.push(error),
    ...options,
    write: (records) => {
      writes.push(records.map(({ deliveryId }) => deliveryId));
      if (database.isDown) return Promise.reject(new Error('Postgres is away'));
      const sqlState = records.map((record) => database.refused.get(record.deliveryId)).find(Boolean);
      if (sqlState !== undefined) return Promise.reject(Object.assign(new Error('refused'), { code: sqlState }));
      if (database.answers) return Promise.resolve();
      return new Promise((resolve, reject) => underWay.push({ resolve, reject }));
    },
  });
  /** Records in order; `ended` gets an id once its caller may go on, `failed` once it was told of an error. */
  const ended: string[] = [];
  const failed: string[] = [];
  const record = (...ids: string[]) => {
    for (const id of ids) {
      recorder.record(attemptRecord(id)).then(
        () => ended.push(id),
        () => failed.push(id),
      );
    }
  };
  return { recorder, record, writes, underWay, retried, database, ended, failed };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('attempt records', () => {
  it('that arrive together share one write', async () => {
    const { record, writes, ended } = arrange();

    record('a', 'b');
    await jest.advanceTimersByTimeAsync(1);
    record('c');
    await jest.advanceTimersByTimeAsync(1);

    expect(writes).toEqual([['a', 'b', 'c']]);
    expect(ended).toEqual(['a', 'b', 'c']);
  });

  it('let their callers go on only when they are written', async () => {
    const { record, database, underWay, ended } = arrange();
    database.answers = false;

    record('a', 'b');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([]);
    underWay[0]?.resolve();
    await jest.advanceTimersByTimeAsync(0);

    expect(ended).toEqual(['a', 'b']);
  });

  it('that arrive during a write go into the next one, which follows at once', async () => {
    const { record, database, writes, underWay, ended } = arrange();
    database.answers = false;
    record('a');
    await jest.advanceTimersByTimeAsync(2);

    record('b', 'c');
    await jest.advanceTimersByTimeAsync(1000);
    const during = [...writes];
    underWay[0]?.resolve();
    await jest.advanceTimersByTimeAsync(0);

    expect(during).toEqual([['a']]);
    expect(writes).toEqual([['a'], ['b', 'c']]);
    expect(ended).toEqual(['a']);
  });

  it('are written in batches of limited size, in their order', async () => {
    const { record, writes, ended } = arrange({ maxBatch: 2 });

    record('a', 'b', 'c', 'd', 'e');
    await jest.advanceTimersByTimeAsync(2);

    expect(writes).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(ended).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('that come one after the other are each written', async () => {
    const { record, writes } = arrange();

    record('a');
    await jest.advanceTimersByTimeAsync(10);
    record('b');
    await jest.advanceTimersByTimeAsync(10);

    expect(writes).toEqual([['a'], ['b']]);
  });

  it('that a caller makes right after its last one are written too', async () => {
    const { recorder, writes } = arrange();

    const both = recorder.record(attemptRecord('a')).then(() => recorder.record(attemptRecord('b')));
    await jest.advanceTimersByTimeAsync(10);

    expect(writes).toEqual([['a'], ['b']]);
    await expect(both).resolves.toBeUndefined();
  });
});

describe('a write that fails', () => {
  it('is tried again until it works, ever more slowly', async () => {
    const { record, database, writes, retried, ended } = arrange();
    database.isDown = true;
    record('a', 'b');
    const counts: number[] = [];
    for (const ms of [2, 100, 200, 400]) {
      await jest.advanceTimersByTimeAsync(ms);
      counts.push(writes.length);
    }

    database.isDown = false;
    await jest.advanceTimersByTimeAsync(800);

    expect(counts).toEqual([1, 2, 3, 4]);
    expect(writes).toEqual(Array.from({ length: 5 }, () => ['a', 'b']));
    expect(retried).toHaveLength(4);
    expect(ended).toEqual(['a', 'b']);
  });

  it('is given up after its time, and all of the batch are told', async () => {
    const { recorder, database } = arrange({ giveUpMs: 5000 });
    database.isDown = true;
    const results = Promise.allSettled(['a', 'b'].map((id) => recorder.record(attemptRecord(id))));

    await jest.advanceTimersByTimeAsync(5002);

    expect(await results).toEqual([
      { status: 'rejected', reason: new Error('Postgres is away') },
      { status: 'rejected', reason: new Error('Postgres is away') },
    ]);
  });

  it('is tried for 30 s unless said otherwise', async () => {
    const { record, database, failed } = arrange();
    database.isDown = true;
    record('a');

    await jest.advanceTimersByTimeAsync(27_000);
    const before = [...failed];
    await jest.advanceTimersByTimeAsync(3002);

    expect(before).toEqual([]);
    expect(failed).toEqual(['a']);
  });

  it('takes none of the later records with it', async () => {
    const { record, database, writes, ended, failed } = arrange({ giveUpMs: 1000, maxBatch: 1 });
    database.isDown = true;
    record('a');
    await jest.advanceTimersByTimeAsync(2000);

    database.isDown = false;
    record('b');
    await jest.advanceTimersByTimeAsync(2);

    expect(failed).toEqual(['a']);
    expect(ended).toEqual(['b']);
    expect(writes.at(-1)).toEqual(['b']);
  });

  it('leaves those that came meanwhile to the next write', async () => {
    const { record, database, underWay, ended, failed } = arrange({ giveUpMs: 0 });
    database.answers = false;
    record('a');
    await jest.advanceTimersByTimeAsync(2);
    record('b');

    underWay[0]?.reject(new Error('Postgres is away'));
    await jest.advanceTimersByTimeAsync(0);
    underWay[1]?.resolve();
    await jest.advanceTimersByTimeAsync(0);

    expect(failed).toEqual(['a']);
    expect(ended).toEqual(['b']);
  });

  it('is tried for its time from when its record was made, however long that waited for another write', async () => {
    const { record, database, underWay, writes, failed } = arrange({ giveUpMs: 5000 });
    database.answers = false;
    record('a');
    await jest.advanceTimersByTimeAsync(10);
    record('b');
    await jest.advanceTimersByTimeAsync(3990);
    database.isDown = true;
    underWay[0]?.resolve();

    await jest.advanceTimersByTimeAsync(1010);

    expect(writes.at(-1)).toEqual(['b']);
    expect(failed).toEqual(['b']);
  });
});

describe('a record that the database refuses', () => {
  it.each(['22P05', '22003', '23514', '23503'])('with %s fails at once and is not tried again', async (sqlState) => {
    const { recorder, database, writes, retried } = arrange();
    database.refused.set('a', sqlState);
    const result = Promise.allSettled([recorder.record(attemptRecord('a'))]);

    await jest.advanceTimersByTimeAsync(60_000);

    expect(await result).toEqual([{ status: 'rejected', reason: expect.objectContaining({ code: sqlState }) }]);
    expect(writes).toEqual([['a']]);
    expect(retried).toEqual([]);
  });

  it.each(['40P01', '53300', '57P01', '08006'])('with %s is tried again', async (sqlState) => {
    const { record, database, writes, ended } = arrange();
    database.refused.set('a', sqlState);
    record('a');
    await jest.advanceTimersByTimeAsync(2);

    database.refused.clear();
    await jest.advanceTimersByTimeAsync(100);

    expect(writes).toEqual([['a'], ['a']]);
    expect(ended).toEqual(['a']);
  });

  it('fails alone: the others of its batch are written one by one', async () => {
    const { record, database, writes, ended, failed } = arrange();
    database.refused.set('b', '22P05');

    record('a', 'b', 'c');
    await jest.advanceTimersByTimeAsync(2);

    expect(writes).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']]);
    expect(ended).toEqual(['a', 'c']);
    expect(failed).toEqual(['b']);
  });

  it('leaves later records to share a write again', async () => {
    const { record, database, writes, ended } = arrange({ maxBatch: 2 });
    database.refused.set('a', '23514');

    record('a', 'b', 'c', 'd');
    await jest.advanceTimersByTimeAsync(2);

    expect(writes).toEqual([['a', 'b'], ['a'], ['b'], ['c', 'd']]);
    expect(ended).toEqual(['b', 'c', 'd']);
  });
});

describe('a recorder', () => {
  it('that has nothing to write is idle', async () => {
    const { recorder } = arrange();

    await expect(recorder.idle()).resolves.toBeUndefined();
  });

  it('is idle once all that waited is written', async () => {
    const { recorder, record, database, underWay, writes } = arrange({ maxBatch: 1 });
    database.answers = false;
    record('a', 'b');
    let isIdle = false;
    void recorder.idle().then(() => (isIdle = true));
    await jest.advanceTimersByTimeAsync(2);

    underWay[0]?.resolve();
    await jest.advanceTimersByTimeAsync(0);
    const afterFirst = isIdle;
    underWay[1]?.resolve();
    await jest.advanceTimersByTimeAsync(0);

    expect(writes).toEqual([['a'], ['b']]);
    expect(afterFirst).toBe(false);
    expect(isIdle).toBe(true);
  });

  it('is idle once what cannot be written is given up', async () => {
    const { recorder, record, database, failed } = arrange({ giveUpMs: 1000 });
    database.isDown = true;
    record('a');
    const idle = recorder.idle();

    await jest.advanceTimersByTimeAsync(1002);
    await idle;

    expect(failed).toEqual(['a']);
  });
});
