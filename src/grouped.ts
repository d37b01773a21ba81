/**
 * Many small pieces of work done as few large ones: what is asked for while a batch is under way, or in the same
 * turn, makes up the next one. Alone, a piece waits for nothing.
 */

export interface GroupedOptions<Input, Output> {
  /** @returns one output for each input, in their order */
  readonly work: (inputs: readonly Input[]) => Promise<readonly Output[]>;
  readonly maxBatch: number;
  /** Batches under way at one time. */
  readonly maxUnderWay: number;
  /** Inputs with the same name do not go in one batch. */
  readonly nameOf?: (input: Input) => string;
  /** Whether an error of a batch may be the fault of one of its inputs, so that each is tried once more alone. */
  readonly isOfOne?: (error: unknown) => boolean;
}

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly resolve: (output: Output) => void;
  readonly reject: (error: unknown) => void;
}

export class Grouped<Input, Output> {
  private waiting: Waiting<Input, Output>[] = [];
  private underWay = 0;
  private scheduled = false;

  constructor(private readonly options: GroupedOptions<Input, Output>) {}

  /** @throws the error of its batch */
  add(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.length === 0 || this.underWay >= this.options.maxUnderWay) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.run(this.takeBatch());
      this.schedule();
    });
  }

  private async run(batch: readonly Waiting<Input, Output>[]): Promise<void> {
    this.underWay++;
    try {
      const outputs = await this.options.work(batch.map(({ input }) => input));
      for (const [at, { resolve }] of batch.entries()) resolve(outputs[at] as Output);
    } catch (error) {
      if (batch.length > 1 && this.options.isOfOne?.(error)) await this.runEach(batch);
      else for (const { reject } of batch) reject(error);
    } finally {
      this.underWay--;
      this.schedule();
    }
  }

  private async runEach(batch: readonly Waiting<Input, Output>[]): Promise<void> {
    for (const one of batch) await this.run([one]);
  }

  private takeBatch(): Waiting<Input, Output>[] {
    const { maxBatch, nameOf } = this.options;
    if (!nameOf) return this.waiting.splice(0, maxBatch);
    const names = new Set<string>();
    const batch: Waiting<Input, Output>[] = [];
    const rest: Waiting<Input, Output>[] = [];
    for (const one of this.waiting) {
      const name = nameOf(one.input);
      if (batch.length < maxBatch && !names.has(name)) batch.push(one);
      else rest.push(one);
      names.add(name);
    }
    this.waiting = rest;
    return batch;
  }
}
