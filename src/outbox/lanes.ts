/** Brings deliveries that were just committed to the lane of their webhook. */
import type { ClaimedDelivery } from '../store/claims';
import type { Claim } from '../store/events';
import type { DirectLane } from './direct-lane';
import type { Outbox } from './outbox';

export interface Lanes {
  /** This process's claim on what it admits. */
  readonly claim: Claim;
  /** The claim that a delivery is committed with. */
  claimOf(delivery: Pick<ClaimedDelivery, 'direct' | 'timeoutMs'>): Claim;
  /** Never waits and never throws. */
  handOver(deliveries: readonly ClaimedDelivery[]): void;
}

export function createLanes(
  outbox: Pick<Outbox, 'claim' | 'handOver'>,
  direct: Pick<DirectLane, 'claimFor' | 'handOver'>,
): Lanes {
  return {
    claim: outbox.claim,
    claimOf: (delivery) => (delivery.direct ? direct.claimFor(delivery.timeoutMs) : outbox.claim),
    handOver(deliveries) {
      outbox.handOver(deliveries.filter((delivery) => !delivery.direct));
      direct.handOver(deliveries.filter((delivery) => delivery.direct));
    },
  };
}
