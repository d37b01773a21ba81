/**
 * How long each webhook's queue is, known without asking the database for every event: what the last
 * count found, plus what this process has added since. Far from the limit a count is rare; close to it
 * counts are frequent, so that several processes that know nothing of each other overshoot little.
 */
import { LRUCache } from 'lru-cache';

export interface QueueDepthsOptions {
  /** @returns the length of the queue, or `limit` when it is that long or longer */
  readonly count: (webhookId: string, limit: number) => Promise<number>;
  /** In milliseconds, from whenever. */
  readonly now?: () => number;
}

/** A place in a queue, taken before the delivery is written. */
export interface Place {
  /** Tells what became of it: `written`, or not, and then another may have it. */
  settle(written: boolean): void;
}

export interface QueueDepths {
  /**
   * May wait for places that others hold, so whoever takes several takes them in the order of their ids.
   *
   * @returns undefined when the queue is full
   * @throws the database's error when the queue had to be counted and could not be
   */
  take(webhookId: string, maxQueueSize: number): Promise<Place | undefined>;
}

/** A count is asked for again when this part of the room it found was taken since: a tenth, or less once it is old. */
const shareTaken = 10;
const shareTakenWhenOld = 100;
const oldMs = 5_000;

/** A queue that was counted full is left alone for so long. */
const fullPauseMs = 200;

/** Times as long as the last count took is waited before the next, so that counting never fills a connection. */
const pausePerCount = 20;

/** Counting a queue shorter than this costs no more than writing an event, and needs no pause. */
const cheapCount = 1_000;

/** Webhooks known at a time; of those beyond the least recently used are counted anew. */
const maxWebhooks = 20_000;

export function createQueueDepths({ count, now = () => performance.now() }: QueueDepthsOptions): QueueDepths {
  const queues = new LRUCache<string, Queue>({ max: maxWebhooks });

  return {
    async take(webhookId, maxQueueSize) {
      let queue = queues.get(webhookId);
      if (!queue) queues.set(webhookId, (queue = new Queue((limit) => count(webhookId, limit), now)));

      for (;;) {
        const full = queue.roomIn(maxQueueSize) <= 0;
        if (!queue.mustCount(maxQueueSize)) return full ? undefined : queue.take();
        // What is being written is counted or not; with nothing under way the count is exact.
        if (full) await queue.settled();
        await queue.recount(maxQueueSize);
      }
    },
  };
}

class Queue {
  /** Undefined until the first count. */
  private last: Count | undefined;
  private counting: Promise<void> | undefined;
  private settling: (() => void)[] = [];
  /** Places taken ever, without those given back, and how many of them were settled. */
  private taken = 0;
  private written = 0;

  constructor(
    private readonly count: (limit: number) => Promise<number>,
    private readonly now: () => number,
  ) {}

  roomIn(maxQueueSize: number): number {
    if (!this.last) return 0;
    // A place that was not settled when the count began may or may not be in it.
    return maxQueueSize - this.last.found - (this.taken - this.last.writtenBefore);
  }

  mustCount(maxQueueSize: number): boolean {
    const { last } = this;
    // A count that stopped at a lower limit than today's says nothing of what is beyond.
    if (!last || last.limit < maxQueueSize) return true;
    const ageMs = this.now() - last.at;
    if (ageMs < pauseAfter(last, maxQueueSize)) return false;
    const takenSince = this.taken - last.takenBefore;
    const roomFound = maxQueueSize - last.found - (last.takenBefore - last.writtenBefore);
    if (ageMs < oldMs) return takenSince * shareTaken >= roomFound;
    // The place that is asked for counts as well: others may have filled a small queue meanwhile.
    return (takenSince + 1) * shareTakenWhenOld >= roomFound;
  }

  /** Resolves when no place is held, or one was given back. */
  async settled(): Promise<void> {
    if (this.taken > this.written) await new Promise<void>((resolve) => this.settling.push(resolve));
  }

  /** Whoever asks while it is being counted waits for that count. */
  recount(limit: number): Promise<void> {
    this.counting ??= this.countOnce(limit).finally(() => (this.counting = undefined));
    return this.counting;
  }

  take(): Place {
    this.taken++;
    return {
      settle: (written) => {
        if (written) this.written++;
        else this.taken--;
        if (!written || this.taken === this.written) for (const resolve of this.settling.splice(0)) resolve();
      },
    };
  }

  private async countOnce(limit: number): Promise<void> {
    const { taken: takenBefore, written: writtenBefore } = this;
    const startedAt = this.now();
    const found = await this.count(limit);
    const at = this.now();
    this.last = { found, limit, at, tookMs: at - startedAt, takenBefore, writtenBefore };
  }
}

interface Count {
  readonly found: number;
  readonly limit: number;
  readonly at: number;
  readonly tookMs: number;
  /** Of `taken` and `written` when it began. */
  readonly takenBefore: number;
  readonly writtenBefore: number;
}

/** In milliseconds. */
function pauseAfter({ found, tookMs }: Count, maxQueueSize: number): number {
  if (found >= maxQueueSize) return Math.max(fullPauseMs, tookMs * pausePerCount);
  return found < cheapCount ? 0 : tookMs * pausePerCount;
}
