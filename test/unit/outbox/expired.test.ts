import { endExpired } from '../../../src/outbox/expired';
import type { ClaimedDelivery } from '../../../src/store/claims';
import { waitFor } from '../../support/wait-for';
import { claimedDelivery } from './claimed-delivery';

function arrange(batches: ClaimedDelivery[][], claimMs = 30_000) {
  const claim = { by: 'process-1', forMs: claimMs };
  const state = {
    started: [] as string[][],
    limits: [] as number[],
    claimed: 0,
    looks: 0,
    answers: true,
    isStopped: false,
  };
  const ending = endExpired({
    forMs: 10_000,
    outbox: {
      claim,
      get isStopped() {
        return state.isStopped;
      },
      startAll(deliveries) {
        state.started.push(deliveries.map(({ id }) => id));
        state.claimed = deliveries.length;
        return Promise.resolve(state.answers);
      },
    },
    claims: {
      takeExpired(by, limit) {
        expect(by).toBe(claim);
        state.limits.push(limit);
        return Promise.resolve(batches.shift() ?? []);
      },
      countClaimed() {
        state.looks++;
        return Promise.resolve(state.claimed);
      },
    },
  });
  return { state, ending };
}

const some = (count: number): ClaimedDelivery[] => Array.from({ length: count }, () => claimedDelivery());

it('begins the next few when those before have come to their end', async () => {
  const [first, second] = [some(3), some(2)];
  const { state, ending } = arrange([first, second]);

  await waitFor(() => state.looks >= 3, 'looks at what became of them');
  expect(state.started).toEqual([first.map(({ id }) => id)]);
  state.claimed = 0;
  await waitFor(() => state.started.length === 2, 'the next few');
  state.claimed = 0;
  await ending;

  expect(state.limits).toEqual([16, 16, 16]);
});

it('does not wait longer for them than their claim lasts', async () => {
  const { state, ending } = arrange([some(1)], 200);

  await ending;

  expect(state.started).toHaveLength(1);
  expect(state.claimed).toBe(1);
});

it('leaves the rest to the next look when Temporal is away', async () => {
  const { state, ending } = arrange([some(1), some(1)]);
  state.answers = false;

  await ending;

  expect(state.started).toHaveLength(1);
});

it('ends when the process does', async () => {
  const { state, ending } = arrange([some(1), some(1)]);

  await waitFor(() => state.looks > 0, 'a look at what became of it');
  state.isStopped = true;
  await ending;

  expect(state.started).toHaveLength(1);
});
