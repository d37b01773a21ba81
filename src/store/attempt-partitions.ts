/**
 * Keeps the daily partitions of delivery_attempts ahead of the calendar. A day without one is no
 * failure: its rows go to the default partition.
 */
import type { Pool } from 'pg';

const daysAhead = 7;
const checkEveryMs = 12 * 3600 * 1000;

export class AttemptPartitions {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly workerPool: Pool,
    private readonly onError: (error: unknown) => void,
  ) {}

  keepAhead(): void {
    this.timer = setInterval(() => void this.ensure(), checkEveryMs);
    void this.ensure();
  }

  async ensure(): Promise<void> {
    try {
      await this.workerPool.query('SELECT hook.ensure_attempt_partitions($1)', [daysAhead]);
    } catch (error) {
      this.onError(error);
    }
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
