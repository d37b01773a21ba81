/** The accounting: what was published against what arrived and what Everhook itself says. Pure. */
import type { Arrival } from './receiver';

export interface Published {
  readonly eventId: string;
  readonly payloadHash: string;
  readonly lane: Lane;
  /** When it was to be published, in milliseconds of the monotonic clock. */
  readonly at: number;
  /** `dead` where the receiver never takes it. */
  readonly expected: 'delivered' | 'dead';
  /** Unknown: no answer came, so that it was accepted or not. Asked again with the same id until there was one. */
  outcome: 'accepted' | 'refused' | 'unknown';
  /** Status and code with which it was refused. */
  refusal?: string;
  /** Deliveries that the answer told of. */
  deliveryIds: readonly string[];
}

export type Lane = 'direct' | 'workflow';

/** A delivery as the API tells of it. */
export interface Told {
  readonly id: string;
  readonly event_id: string;
  readonly status: string;
  readonly attempts: number;
}

export interface Account {
  readonly accepted: number;
  readonly refused: number;
  readonly unknown: number;
  /** Accepted for a receiver that takes events, and never answered with success. */
  readonly lost: number;
  /** Arrived with a wrong signature or another payload. */
  readonly corrupt: number;
  /** Arrived and was never published. */
  readonly phantom: number;
  /** Not at an end. */
  readonly stuck: number;
  /** Arrivals after the first that was answered with success. */
  readonly duplicates: number;
  /** Deliveries of which the API says something else than the receiver knows. */
  readonly disagreements: number;
}

const terminal = new Set(['SUCCESS', 'DEAD_LETTER', 'CANCELLED']);

export function account(published: readonly Published[], arrivals: readonly Arrival[], told: readonly Told[]): Account {
  const events = new Map(published.map((event) => [event.eventId, event]));
  const byDelivery = new Map<string, Arrival[]>();
  for (const arrival of arrivals) {
    const others = byDelivery.get(arrival.deliveryId);
    if (others) others.push(arrival);
    else byDelivery.set(arrival.deliveryId, [arrival]);
  }
  const succeeded = (id: string): boolean => (byDelivery.get(id) ?? []).some(isSuccess);
  const expected = published
    .filter((event) => event.outcome === 'accepted' && event.expected === 'delivered')
    .flatMap(({ deliveryIds }) => deliveryIds);
  return {
    accepted: count(published, ({ outcome }) => outcome === 'accepted'),
    refused: count(published, ({ outcome }) => outcome === 'refused'),
    unknown: count(published, ({ outcome }) => outcome === 'unknown'),
    lost: count(expected, (id) => !succeeded(id)),
    corrupt: count(arrivals, ({ signed, eventId, payloadHash }) => {
      const event = events.get(eventId);
      return !signed || (event !== undefined && event.payloadHash !== payloadHash);
    }),
    phantom: count(arrivals, ({ eventId }) => !events.has(eventId)),
    stuck: count(told, ({ status }) => !terminal.has(status)),
    duplicates: [...byDelivery.values()].reduce((sum, ofOne) => sum + duplicatesOf(ofOne), 0),
    disagreements: count(told, ({ id, status }) => (status === 'SUCCESS') !== succeeded(id)),
  };
}

const isSuccess = ({ status }: Arrival): boolean => status >= 200 && status < 300;

function duplicatesOf(arrivals: readonly Arrival[]): number {
  const first = arrivals.findIndex(isSuccess);
  return first < 0 ? 0 : arrivals.length - first - 1;
}

function count<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.reduce((sum, item) => sum + (is(item) ? 1 : 0), 0);
}
