/**
 * Group commit for attempt records: those that arrive within a few milliseconds, or while a batch is
 * being written, share one statement. A caller goes on only when its record is on disk.
 */
import type { AttemptRecord } from '../store/attempt-records';
import { isRefused } from '../store/sql-errors';

export interface AttemptRecorderOptions {
  readonly write: (records: readonly AttemptRecord[]) => Promise<void>;
  /** How long the first record of a batch waits for company. */
  readonly gatherMs?: number;
  readonly maxBatch?: number;
  /** How long a record is tried to be written while Postgres is away, before its caller is told. */
  readonly giveUpMs?: number;
  readonly onRetry?: (error: unknown) => void;
}

interface Waiting {
  readonly record: AttemptRecord;
  readonly giveUpAt: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const firstPauseMs = 100;
const longestPauseMs = 2_000;

export class AttemptRecorder {
  private queue: Waiting[] = [];
  private draining: Promise<void> | undefined;
  private readonly options: Required<AttemptRecorderOptions>;

  constructor(options: AttemptRecorderOptions) {
    this.options = { gatherMs: 2, maxBatch: 500, giveUpMs: 30_000, onRetry: () => {}, ...options };
  }

  /** @throws the database's error when the record could not be written for `giveUpMs`, or never can be */
  record(record: AttemptRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ record, giveUpAt: Date.now() + this.options.giveUpMs, resolve, reject });
      this.draining ??= this.drain();
    });
  }

  /** Resolves when nothing is waiting to be written. */
  async idle(): Promise<void> {
    await this.draining;
  }

  private async drain(): Promise<void> {
    await pause(this.options.gatherMs);
    while (this.queue.length > 0) await this.settle(this.queue.splice(0, this.options.maxBatch));
    // In the same turn as the check above: a record that came in between would wait for the next one.
    this.draining = undefined;
  }

  private async settle(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.write(batch);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      if (isRefused(error)) return this.settleRefused(batch, error);
      const now = Date.now();
      for (const { giveUpAt, reject } of batch) if (giveUpAt <= now) reject(error);
      // The others have time left.
      this.queue.unshift(...batch.filter(({ giveUpAt }) => giveUpAt > now));
    }
  }

  /** One record that the database refuses must not take the others down with it. */
  private async settleRefused(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length === 1) batch[0]?.reject(error);
    else for (const waiting of batch) await this.settle([waiting]);
  }

  private async write(batch: readonly Waiting[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    const giveUpAt = Math.min(...batch.map((waiting) => waiting.giveUpAt));
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      try {
        return await this.options.write(records);
      } catch (error) {
        if (isRefused(error) || Date.now() >= giveUpAt) throw error;
        this.options.onRetry(error);
        await pause(Math.min(pauseMs, Math.max(0, giveUpAt - Date.now())));
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
