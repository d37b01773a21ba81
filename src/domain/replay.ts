/** Which deliveries of a webhook a replay of many sends again. */
import type { TerminalStatus } from './delivery-state';

/** As it is kept and shown; times are ISO 8601, the first of two inclusive and the second not. */
export interface ReplayFilter {
  /** Of the time at which the deliveries were made. */
  readonly since: string | null;
  readonly until: string | null;
  /** Of the time at which they became dead letters. */
  readonly dead_lettered_from: string | null;
  readonly dead_lettered_to: string | null;
  readonly status: TerminalStatus;
  /** As in a webhook: types, `order.*`, `*`; null means every type. */
  readonly event_types: readonly string[] | null;
  /** At most so many deliveries, the oldest first. */
  readonly limit: number;
}

/** What a replay of one webhook may be asked for with. */
export interface ReplayRequest {
  readonly since: string;
  readonly until?: string | undefined;
  readonly status?: TerminalStatus | undefined;
  readonly event_types?: readonly string[] | undefined;
  readonly limit?: number | undefined;
}

export const defaultReplayLimit = 1_000;
export const maxReplayLimit = 100_000;
export const maxReplayEventTypes = 100;

export function toReplayFilter(request: ReplayRequest): ReplayFilter {
  return {
    since: request.since,
    until: request.until ?? null,
    dead_lettered_from: null,
    dead_lettered_to: null,
    status: request.status ?? 'DEAD_LETTER',
    event_types: request.event_types ?? null,
    limit: request.limit ?? defaultReplayLimit,
  };
}

export const replayStates = ['pending', 'running', 'completed', 'cancelled'] as const;
export type ReplayState = (typeof replayStates)[number];
