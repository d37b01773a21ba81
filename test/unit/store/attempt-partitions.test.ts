/** When the partitions are looked after, under fake time; what is done about them is Postgres's. */
import type { Pool } from 'pg';
import { AttemptPartitions } from '../../../src/store/attempt-partitions';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

function arrange() {
  const state = { calls: 0, isDown: false, errors: [] as unknown[] };
  const pool = {
    query: () => {
      state.calls++;
      return state.isDown ? Promise.reject(new Error('Postgres is away')) : Promise.resolve({ rows: [] });
    },
  } as unknown as Pool;
  const partitions = new AttemptPartitions(pool, (error) => state.errors.push(error));
  return { partitions, state };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('partitions of attempts', () => {
  it('are looked after at once and every hour', async () => {
    const { partitions, state } = arrange();

    partitions.keepAhead();
    await jest.advanceTimersByTimeAsync(hourMs - 1);
    const before = state.calls;
    await jest.advanceTimersByTimeAsync(1 + hourMs);

    expect(before).toBe(1);
    expect(state.calls).toBe(3);
    partitions.stop();
  });

  it('are looked after again in a minute while Postgres is away', async () => {
    const { partitions, state } = arrange();
    state.isDown = true;

    partitions.keepAhead();
    await jest.advanceTimersByTimeAsync(2 * minuteMs);
    state.isDown = false;
    await jest.advanceTimersByTimeAsync(minuteMs);
    const whenBack = state.calls;
    await jest.advanceTimersByTimeAsync(hourMs - 1);

    expect(state.errors).toHaveLength(3);
    expect(whenBack).toBe(4);
    expect(state.calls).toBe(4);
    partitions.stop();
  });

  it('are left alone once stopped', async () => {
    const { partitions, state } = arrange();
    partitions.keepAhead();
    await jest.advanceTimersByTimeAsync(0);

    partitions.stop();
    await jest.advanceTimersByTimeAsync(3 * hourMs);

    expect(state.calls).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are left alone when stopped while they are looked after', async () => {
    const { partitions, state } = arrange();

    partitions.keepAhead();
    partitions.stop();
    await jest.advanceTimersByTimeAsync(3 * hourMs);

    expect(state.calls).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tell whether they are there', async () => {
    const { partitions, state } = arrange();

    const up = await partitions.ensure();
    state.isDown = true;
    const down = await partitions.ensure();

    expect([up, down]).toEqual([true, false]);
  });
});
