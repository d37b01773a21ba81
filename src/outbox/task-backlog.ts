/**
 * Keeps the queue in Temporal short. Starting a workflow costs less than running it, so that whoever starts as fast as
 * it can fills that queue, where everybody stands in one line, and workers that have more workflows under way than they
 * can keep in memory lose half their time to reading histories. What is to be started waits here instead, where tenants
 * take turns, or in Postgres.
 */
export class TaskBacklog {
  private room: number;
  private asking: Promise<void> | undefined;

  /**
   * @param read tasks of workflows that wait in Temporal for a worker
   * @param limit how many may
   */
  constructor(
    private readonly read: () => Promise<number>,
    private readonly limit: number,
  ) {
    this.room = limit;
  }

  /** Nothing more may be started before it has been asked. */
  get isFull(): boolean {
    return this.room <= 0;
  }

  /** @param underWay starts of which it is not known yet whether a worker has their tasks */
  hasRoomBesides(underWay: number): boolean {
    return this.room > underWay;
  }

  /** A workflow was started; an eager one's task is with a worker already. */
  started(result: 'eager' | 'queued'): void {
    this.room -= result === 'queued' ? 1 : eagerShare;
  }

  /** Resolves when it is worth a look again, which need not mean that there is room. */
  ask(): Promise<void> {
    this.asking ??= this.askOnce().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async askOnce(): Promise<void> {
    // Whether Temporal is away the starts will tell.
    const tasks = await this.read().catch(() => 0);
    this.room = this.limit - tasks;
    if (this.isFull) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Counts for so little only so that it is asked from time to time: workers may be behind with what they began. */
const eagerShare = 0.1;

/** Until Temporal is asked again while it has enough to do. */
const pauseMs = 100;
