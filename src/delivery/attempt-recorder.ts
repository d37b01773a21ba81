/**
 * Group commit for attempt records: those that arrive within a few milliseconds, or while a batch is
 * being written, share one statement. A caller goes on only when its record is on disk.
 */
import type { AttemptRecord } from '../store/attempt-records';

export interface AttemptRecorderOptions {
  readonly write: (records: readonly AttemptRecord[]) => Promise<void>;
  /** How long the first record of a batch waits for company. */
  readonly gatherMs?: number;
  readonly maxBatch?: number;
  /** How long writing is tried again while Postgres is away, before the callers are told. */
  readonly giveUpMs?: number;
  readonly onRetry?: (error: unknown) => void;
}

interface Waiting {
  readonly record: AttemptRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const firstPauseMs = 100;
const longestPauseMs = 2_000;

export class AttemptRecorder {
  private queue: Waiting[] = [];
  private isDraining = false;
  private readonly options: Required<AttemptRecorderOptions>;

  constructor(options: AttemptRecorderOptions) {
    this.options = { gatherMs: 2, maxBatch: 500, giveUpMs: 30_000, onRetry: () => {}, ...options };
  }

  /** @throws the database's error when the record could not be written for `giveUpMs` */
  record(record: AttemptRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ record, resolve, reject });
      if (!this.isDraining) void this.drain();
    });
  }

  private async drain(): Promise<void> {
    this.isDraining = true;
    await pause(this.options.gatherMs);
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, this.options.maxBatch);
      try {
        await this.write(batch.map(({ record }) => record));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the check above: a record that came in between would wait for the next one.
    this.isDraining = false;
  }

  private async write(records: readonly AttemptRecord[]): Promise<void> {
    const giveUpAt = Date.now() + this.options.giveUpMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      try {
        return await this.options.write(records);
      } catch (error) {
        if (Date.now() + pauseMs > giveUpAt) throw error;
        this.options.onRetry(error);
        await pause(pauseMs);
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
