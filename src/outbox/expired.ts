/**
 * Deliveries whose time was over before a workflow was started for them, which happens to thousands at once when a
 * webhook hangs. Each gets a workflow that ends it, as a dead letter that staff can find and replay. There is no
 * hurry, so that only a few are under way at a time and nobody's deliveries wait behind them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Claims } from '../store/claims';
import type { Outbox } from './outbox';

export interface ExpiredDeps {
  readonly claims: Pick<Claims, 'takeExpired' | 'countClaimed'>;
  readonly outbox: Pick<Outbox, 'claim' | 'startAll' | 'isStopped'>;
  /** Begins no more after so long, in milliseconds. */
  readonly forMs: number;
}

/** Under way at one time. */
const batch = 16;

const pauseMs = 50;

export async function endExpired({ claims, outbox, forMs }: ExpiredDeps): Promise<void> {
  const { claim } = outbox;
  const beginBy = performance.now() + forMs;
  do {
    const taken = await claims.takeExpired(claim, batch);
    // Without any, or with Temporal away, the next look is early enough.
    if (taken.length === 0 || !(await outbox.startAll(taken))) return;
    const ids = taken.map(({ id }) => id);
    const lapsesAt = performance.now() + claim.forMs;
    const goesOn = (): boolean => !outbox.isStopped && performance.now() < lapsesAt;
    while (goesOn() && (await claims.countClaimed(claim, ids)) > 0) await pause(pauseMs);
  } while (!outbox.isStopped && performance.now() < beginBy);
}
