/** Replays of many deliveries as clients ask for them and read them. */
import { Type, type Static } from 'typebox';
import { terminalStatuses } from '../../domain/delivery-state';
import { invalidField } from '../../domain/errors';
import {
  defaultReplayLimit,
  maxReplayEventTypes,
  maxReplayLimit,
  replayStates,
  toReplayFilter,
  type ReplayFilter,
} from '../../domain/replay';
import type { Replay } from '../../store/replays';
import { dateOf, EventTypeFilter, Nullable, Timestamp, Ulid } from './common';

export const ReplayLimit = Type.Integer({
  minimum: 1,
  maximum: maxReplayLimit,
  default: defaultReplayLimit,
  description: 'Deliveries at most, the oldest first.',
});

export const DryRun = Type.Boolean({ default: false, description: 'Only count what would be replayed.' });

export const NewReplay = Type.Object(
  {
    since: Type.String({
      format: 'date-time',
      description: 'Deliveries made at this time or later.',
      examples: ['2026-01-31T12:00:00Z'],
    }),
    until: Type.Optional(Type.String({ format: 'date-time', description: 'Deliveries made before this time.' })),
    status: Type.Optional(
      Type.Enum([...terminalStatuses], { description: 'Deliveries with this status; DEAD_LETTER unless told.' }),
    ),
    event_types: Type.Optional(
      Type.Array(EventTypeFilter, {
        minItems: 1,
        maxItems: maxReplayEventTypes,
        description: 'Of these types, as in a webhook; every type unless told.',
      }),
    ),
    limit: ReplayLimit,
    dry_run: DryRun,
  },
  {
    additionalProperties: false,
    examples: [{ since: '2026-01-31T12:00:00Z', event_types: ['order.*'], limit: 1_000, dry_run: false }],
  },
);

export const ReplayView = Type.Object({
  id: Ulid,
  webhook_id: Ulid,
  filter: Type.Object({
    since: Nullable(Timestamp),
    until: Nullable(Timestamp, { examples: [null] }),
    dead_lettered_from: Nullable(Timestamp, { examples: [null] }),
    dead_lettered_to: Nullable(Timestamp, { examples: [null] }),
    status: Type.Enum([...terminalStatuses], { examples: ['DEAD_LETTER'] }),
    event_types: Nullable(Type.Array(Type.String()), { examples: [['order.*']] }),
    limit: Type.Integer({ examples: [1_000] }),
  }),
  matched: Type.Integer({
    description: 'Deliveries that the filter found when the replay was asked for.',
    examples: [412],
  }),
  done: Type.Integer({ description: 'Deliveries that were set in motion.', examples: [200] }),
  failed: Type.Integer({ description: 'Deliveries that could not be replayed any more when their turn came.' }),
  state: Type.Enum([...replayStates], { examples: ['running'] }),
  created_at: Timestamp,
  completed_at: Nullable(Timestamp, { examples: [null] }),
});

/** @throws VALIDATION_ERROR for times that lie in the future or in the wrong order */
export function toFilter({ since, until, status, event_types, limit }: Static<typeof NewReplay>): ReplayFilter {
  const from = dateOf('since', since);
  const to = dateOf('until', until);
  if (from.getTime() > Date.now()) throw invalidField('since', 'since lies in the future.');
  if (to && to <= from) throw invalidField('until', 'until must be later than since.');
  return toReplayFilter({ since: from.toISOString(), until: to?.toISOString(), status, event_types, limit });
}

export function toReplayView(replay: Replay): Static<typeof ReplayView> {
  return {
    id: replay.id,
    webhook_id: replay.webhookId,
    filter: { ...replay.filter, event_types: replay.filter.event_types && [...replay.filter.event_types] },
    matched: replay.matched,
    done: replay.done,
    failed: replay.failed,
    state: replay.state,
    created_at: replay.createdAt.toISOString(),
    completed_at: replay.completedAt?.toISOString() ?? null,
  };
}
