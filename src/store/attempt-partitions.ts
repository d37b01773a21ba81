/**
 * Keeps the daily partitions of delivery_attempts ahead of the calendar. A day without one is no
 * failure: its rows go to the default partition.
 */
import type { Pool } from 'pg';

const daysAhead = 7;
const checkEveryMs = 3600 * 1000;
const retryMs = 60_000;

export class AttemptPartitions {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly workerPool: Pool,
    private readonly onError: (error: unknown) => void,
  ) {}

  keepAhead(): void {
    void this.ensure().then((done) => {
      if (this.stopped) return;
      this.timer = setTimeout(() => this.keepAhead(), done ? checkEveryMs : retryMs);
    });
  }

  /** @returns whether they are there */
  async ensure(): Promise<boolean> {
    try {
      await this.workerPool.query('SELECT hook.ensure_attempt_partitions($1)', [daysAhead]);
      return true;
    } catch (error) {
      this.onError(error);
      return false;
    }
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }
}
