/** Schemas that several resources share. */
import { Type } from 'typebox';
import { invalidField } from '../../domain/errors';
import { eventTypeFilterPattern, eventTypePattern, maxEventTypeLength } from '../../domain/event-type';
import { tenantIdPattern, ulidPattern } from '../../domain/ids';
import { ErrorEnvelope, exampleCursor } from '../envelope';

export const Ulid = Type.String({
  pattern: ulidPattern,
  description: 'A ULID of 26 characters.',
  examples: ['01JH2YZK3WQ0T5E6R8D1M4X9CF'],
});

export const TenantId = Type.String({
  pattern: tenantIdPattern,
  description: '1 to 64 letters, digits, underscores or hyphens.',
  examples: ['acme'],
});

export const EventType = Type.String({
  pattern: eventTypePattern,
  maxLength: maxEventTypeLength,
  description: 'Segments of letters, digits and underscores joined by dots, such as order.created.',
  examples: ['order.created'],
});

export const EventTypeFilter = Type.String({
  pattern: eventTypeFilterPattern,
  maxLength: maxEventTypeLength,
  description: 'An event type, "*", or a type that ends in ".*".',
  examples: ['order.*'],
});

/** Ids of producers: printable ASCII without the slash, because it stands in paths. */
export const EventId = Type.String({
  pattern: '^[!-.0-~]+$',
  maxLength: 255,
  minLength: 1,
  description: '1 to 255 printable ASCII characters without spaces and slashes.',
  examples: ['order-4711'],
});

/** Free text. Postgres cannot store the character U+0000, so it is refused here. */
export const Text = (maxLength: number, options: object = {}) =>
  Type.String({
    maxLength,
    pattern: '^[^\\u0000]*$',
    description: `At most ${maxLength} characters, without U+0000.`,
    ...options,
  });

/** A path's id; one that cannot exist is answered like one that does not. */
export const IdParams = Type.Object({ id: Ulid });

/** For actions that say all in their path. */
export const NoBody = Type.Union([Type.Null(), Type.Object({}, { additionalProperties: false })], {
  description: 'This request takes no fields.',
  examples: [{}],
});

/** ISO 8601 in UTC with milliseconds. */
export const Timestamp = Type.String({
  format: 'date-time',
  description: 'A date and time in ISO 8601, such as 2026-01-31T12:00:00Z.',
  examples: ['2026-01-31T12:00:00.000Z'],
});

/**
 * What `format: date-time` lets through may still be no date: leap seconds, years that Postgres lacks.
 *
 * @throws VALIDATION_ERROR
 */
export function dateOf(field: string, value: string): Date;
export function dateOf(field: string, value: string | undefined): Date | undefined;
export function dateOf(field: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const date = new Date(value);
  const year = date.getUTCFullYear();
  if (!(year >= 1970 && year <= 9999)) {
    throw invalidField(
      field,
      `${field} must be a date and time from the years 1970 to 9999, such as 2026-01-31T12:00:00Z.`,
    );
  }
  return date;
}

export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(
  schema: T,
  options: { examples?: unknown[] } = {},
) => Type.Union([schema, Type.Null()], options);

const Limit = Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'How many at most, 1 to 100.' });

export const OffsetQuery = {
  limit: Limit,
  offset: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description: 'How many to pass over.' }),
  page: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100_000,
      description: 'From 1; another way to say offset.',
      examples: [1],
    }),
  ),
};

export const CursorQuery = {
  limit: Limit,
  cursor: Type.Optional(
    Type.String({ maxLength: 512, description: 'The next_cursor of the page before.', examples: [exampleCursor] }),
  ),
};

/** The error answers of a route's own, for its `response` schema; the document adds what every route may answer. */
export function errors<const S extends number>(...statuses: S[]): Record<S, typeof ErrorEnvelope> {
  return Object.fromEntries(statuses.map((status) => [status, ErrorEnvelope])) as Record<S, typeof ErrorEnvelope>;
}
