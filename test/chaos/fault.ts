/** What a fault is to the suite. */
import type { Lane } from './ledger';
import type { Publisher, PublisherOptions } from './publisher';
import type { ChaosTenant, Role, World } from './world';

/** API and worker in a process each, as most faults have it. */
export const apart: readonly (readonly Role[])[] = [['api'], ['worker']];

export interface Scene {
  readonly world: World;
  /** Whose events are published meanwhile. */
  readonly tenant: ChaosTenant;
  /** Those that publish at the usual rates. */
  readonly steady: readonly Publisher[];
  /** Publishes more, until everything stops; its events count like the others. */
  readonly publish: (
    options: Omit<PublisherOptions, 'apiUrl' | 'token'> & Partial<Pick<PublisherOptions, 'token'>>,
  ) => Publisher;
  /** Counts what was killed. */
  readonly kill: () => void;
  /** One line of the report, beside the figures. */
  readonly note: (line: string) => void;
  /** What must hold besides the accounts: the run fails where it does not. */
  readonly expect: (holds: boolean, what: string) => void;
}

export interface Fault {
  /** For `--only`, and the name of its result. */
  readonly name: string;
  /** Completes the sentence "While events come, ...". */
  readonly what: string;
  /** Processes at the beginning. */
  readonly processes: readonly (readonly Role[])[];
  /** Events per second, where they are not the suite's. */
  readonly rates?: Partial<Readonly<Record<Lane, number>>>;
  /** Size of a disk that Postgres has to itself, in MiB; it shares the machine's otherwise. */
  readonly diskMiB?: number;
  /** How soon after healing what had waited must begin to arrive, in seconds. */
  readonly resumesWithin?: number;
  /** Why it cannot be had on this machine. */
  readonly skipped?: string;
  /** Breaks and heals; events come before, meanwhile and after. Resolves when all is healed. */
  run(scene: Scene): Promise<void>;
}
