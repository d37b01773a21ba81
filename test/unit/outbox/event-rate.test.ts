import { EventRate } from '../../../src/outbox/event-rate';
import type { Lease, LeaseRequest } from '../../../src/store/rate-leases';

/** A rate whose leases wait for the test to answer them, on a clock that only the test moves. */
function arrange() {
  const clock = { now: 1_000 };
  const requests: LeaseRequest[] = [];
  const pending: { resolve: (lease: Lease) => void; reject: (error: Error) => void }[] = [];
  const rate = new EventRate(
    (request) => {
      requests.push(request);
      return new Promise((resolve, reject) => pending.push({ resolve, reject }));
    },
    () => clock.now,
  );
  const settle = async (act: (call: NonNullable<(typeof pending)[0]>) => void): Promise<void> => {
    const call = pending.shift();
    if (!call) throw new Error('no lease was asked for');
    act(call);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const answer = (lease: Partial<Lease>) =>
    settle(({ resolve }) => resolve({ granted: 0, kept: 0, keptMs: 250, limit: 100, pauseMs: 0, ...lease }));
  const fail = () => settle(({ reject }) => reject(new Error('Postgres is away')));
  return { rate, clock, requests, answer, fail };
}

const refusal = { limit: 100, remaining: 0, reset: 1 };

describe('the first event', () => {
  it('waits for a lease, and those that follow are taken from what it brought along', async () => {
    const { rate, requests, answer } = arrange();

    const first = rate.take('acme', 1);
    await answer({ granted: 1, kept: 2 });
    const next = [await rate.take('acme', 1), await rate.take('acme', 1)];

    expect(await first).toEqual({ granted: 1 });
    expect(next).toEqual([{ granted: 1 }, { granted: 1 }]);
    expect(requests).toEqual([{ tenantId: 'acme', wanted: 1, ahead: 0, used: [] }]);
  });

  it('of another tenant has a lease of its own', async () => {
    const { rate, requests, answer } = arrange();
    const first = rate.take('acme', 1);
    await answer({ granted: 1, kept: 100 });
    await first;

    void rate.take('other', 1);

    expect(requests.map(({ tenantId }) => tenantId)).toEqual(['acme', 'other']);
  });
});

describe('events that come while a lease is asked for', () => {
  it('ask for none of their own, and are taken from what it brings along', async () => {
    const { rate, requests, answer } = arrange();

    const taken = [rate.take('acme', 1), rate.take('acme', 2), rate.take('acme', 1)];
    await answer({ granted: 1, kept: 3 });

    expect(await Promise.all(taken)).toEqual([{ granted: 1 }, { granted: 2 }, { granted: 1 }]);
    expect(requests).toHaveLength(1);
  });

  it('share the next one when it brings too little', async () => {
    const { rate, requests, answer } = arrange();

    const taken = [rate.take('acme', 1), rate.take('acme', 2), rate.take('acme', 3)];
    await answer({ granted: 1, kept: 1 });
    await answer({ granted: 5 });

    expect(await Promise.all(taken)).toEqual([{ granted: 1 }, { granted: 2 }, { granted: 3 }]);
    expect(requests.map(({ wanted }) => wanted)).toEqual([1, 5]);
  });

  it('are refused with it at the limit', async () => {
    const { rate, requests, answer } = arrange();

    const taken = [rate.take('acme', 2), rate.take('acme', 1)];
    await answer({ granted: 1, pauseMs: 500 });

    expect(await Promise.all(taken)).toEqual([
      { granted: 1, refusal },
      { granted: 0, refusal },
    ]);
    expect(requests).toHaveLength(1);
  });
});

describe('after a refusal', () => {
  it('none is asked for until the pause is over', async () => {
    const { rate, clock, requests, answer } = arrange();
    const first = rate.take('acme', 1);
    await answer({ pauseMs: 1_200 });

    const atOnce = await rate.take('acme', 1);
    clock.now += 1_199;
    const later = await rate.take('acme', 1);
    clock.now += 1;
    const after = rate.take('acme', 1);
    await answer({ granted: 1 });

    expect(await first).toEqual({ granted: 0, refusal: { ...refusal, reset: 2 } });
    expect(atOnce).toEqual({ granted: 0, refusal: { ...refusal, reset: 2 } });
    expect(later).toEqual({ granted: 0, refusal });
    expect(await after).toEqual({ granted: 1 });
    expect(requests).toHaveLength(2);
  });

  it('other tenants are not refused', async () => {
    const { rate, answer } = arrange();
    void rate.take('acme', 1);
    await answer({ pauseMs: 1_000 });

    const other = rate.take('other', 1);
    await answer({ granted: 1 });

    expect(await other).toEqual({ granted: 1 });
  });
});

describe('what a lease brought along', () => {
  it('lapses, counted from when it was asked for', async () => {
    const { rate, clock, requests, answer } = arrange();
    void rate.take('acme', 1);
    clock.now += 100;
    await answer({ granted: 1, kept: 5, keptMs: 250 });

    clock.now += 149;
    const inTime = await rate.take('acme', 1);
    clock.now += 1;
    void rate.take('acme', 1);

    expect(inTime).toEqual({ granted: 1 });
    expect(requests).toHaveLength(2);
  });

  it('is given up with the next lease, which tells what was taken within a second and how long ago', async () => {
    const { rate, clock, requests, answer } = arrange();
    void rate.take('acme', 1);
    await answer({ granted: 1, kept: 9, keptMs: 10_000 });
    clock.now += 500;
    await rate.take('acme', 2);
    clock.now += 5;
    await rate.take('acme', 1);
    clock.now += 494;
    void rate.take('acme', 20);
    await answer({ granted: 20, kept: 0 });
    clock.now += 1;
    void rate.take('acme', 1);

    expect(requests.slice(1)).toMatchObject([
      {
        wanted: 20,
        used: [
          { ageMs: 999, count: 1 },
          { ageMs: 494, count: 3 },
        ],
      },
      {
        wanted: 1,
        used: [
          { ageMs: 495, count: 3 },
          { ageMs: 1, count: 20 },
        ],
      },
    ]);
  });

  it('is asked for by how many came since the last lease', async () => {
    const { rate, clock, requests, answer } = arrange();
    void rate.take('acme', 1);
    await answer({ granted: 1, kept: 10, keptMs: 10_000 });
    clock.now += 400;
    for (let n = 0; n < 10; n++) await rate.take('acme', 1);
    void rate.take('acme', 10);

    // 20 events in 400 ms, so 10 in the next 200 ms.
    expect(requests.at(-1)).toMatchObject({ wanted: 10, ahead: 10 });
  });
});

describe('a lease that cannot be had', () => {
  it('fails those that wait for it, and the next one is asked for anew', async () => {
    const { rate, answer, fail, requests } = arrange();

    const first = rate.take('acme', 1);
    const failed = first.catch((error: Error) => error.message);
    await fail();
    const second = rate.take('acme', 1);
    await answer({ granted: 1 });

    expect(await failed).toBe('Postgres is away');
    expect(await second).toEqual({ granted: 1 });
    expect(requests.at(-1)).toMatchObject({ wanted: 1, used: [] });
  });
});
