/** Work that is done again and again for as long as a process runs, never twice at a time. */

export interface PeriodicOptions {
  readonly everyMs: number;
  readonly work: () => Promise<unknown>;
  /** What went wrong is tried again the next time. */
  readonly onError: (error: unknown) => void;
}

export class Periodic {
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;

  constructor(private readonly options: PeriodicOptions) {}

  start(): void {
    this.timer = setInterval(() => this.run(), this.options.everyMs);
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.working;
  }

  private run(): void {
    const { work, onError } = this.options;
    this.working ??= work()
      .then(() => {}, onError)
      .finally(() => (this.working = undefined));
  }
}
