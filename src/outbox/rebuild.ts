/**
 * After Temporal's own database was lost: starts a workflow for every delivery that has not ended. What they
 * did before is in Postgres, so attempts go on being counted, and the next one is made when it was due.
 */
import { forEachConcurrently } from '../concurrently';
import type { OpenDelivery } from '../store/claims';
import type { DeliveryStart, StartResult } from '../temporal/client';
import { toDeliveryStart } from './delivery-start';

export interface RebuildDeps {
  readonly claims: { open(afterId: string, limit: number): Promise<OpenDelivery[]> };
  readonly start: (start: DeliveryStart) => Promise<StartResult>;
  readonly concurrency: number;
  readonly onProgress: (counts: RebuildCounts) => void;
}

export interface RebuildCounts {
  /** Workflows that were started. */
  readonly started: number;
  /** Deliveries whose workflow runs. */
  readonly running: number;
  /** Deliveries whose workflow has ended; the sweep records it, or starts another. */
  readonly closed: number;
}

const page = 500;

/** @throws the database's error, or Temporal's; it can be run again, and goes on with what is left */
export async function rebuild({ claims, start, concurrency, onProgress }: RebuildDeps): Promise<RebuildCounts> {
  const counts = { started: 0, running: 0, closed: 0 };
  for (let afterId = ''; ;) {
    const deliveries = await claims.open(afterId, page);
    const last = deliveries.at(-1);
    if (!last) return counts;
    await forEachConcurrently(deliveries, concurrency, async (delivery) => {
      counts[kindOf(await start(toStart(delivery)))]++;
    });
    onProgress(counts);
    afterId = last.id;
  }
}

function toStart({ nextAttemptAt, ...delivery }: OpenDelivery): DeliveryStart {
  const start = toDeliveryStart(delivery);
  if (!nextAttemptAt) return start;
  return { ...start, input: { ...start.input, not_before: nextAttemptAt.toISOString() } };
}

function kindOf(result: StartResult): keyof RebuildCounts {
  switch (result) {
    case 'eager':
    case 'queued':
      return 'started';
    case 'running':
    case 'earlier':
      return 'running';
    case 'finished':
    case 'closed':
      return 'closed';
  }
}
