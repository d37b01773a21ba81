/** The envelope of every answer: data, error and pagination, always all three. */
import { Type, type TSchema } from 'typebox';

export function ok<T>(data: T) {
  return { data, error: null, pagination: null };
}

export function page<T, P>(data: T[], pagination: P) {
  return { data, error: null, pagination };
}

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function failed(error: ErrorBody) {
  return { data: null, error, pagination: null };
}

export const Envelope = <T extends TSchema>(data: T) =>
  Type.Object({ data, error: Type.Null(), pagination: Type.Null() });

export const OffsetPage = <T extends TSchema>(item: T) =>
  Type.Object({
    data: Type.Array(item),
    error: Type.Null(),
    pagination: Type.Object({
      limit: Type.Integer({ examples: [20] }),
      offset: Type.Integer({ examples: [0] }),
      total: Type.Integer({ examples: [1] }),
    }),
  });

/** What a cursor looks like; what is in it is nobody's business. */
export const exampleCursor = 'MDFKSDJZWksz';

export const CursorPage = <T extends TSchema>(item: T) =>
  Type.Object({
    data: Type.Array(item),
    error: Type.Null(),
    pagination: Type.Object({
      limit: Type.Integer({ examples: [20] }),
      next_cursor: Type.Union([Type.String(), Type.Null()], {
        examples: [exampleCursor],
        description: 'Pass it as `cursor` to get the next page; null on the last one.',
      }),
    }),
  });

export const ErrorView = Type.Object({
  code: Type.String(),
  message: Type.String(),
  field: Type.Optional(Type.String()),
  details: Type.Optional(Type.Object({}, { additionalProperties: true })),
});

export const ErrorEnvelope = Type.Object({ data: Type.Null(), error: ErrorView, pagination: Type.Null() });
