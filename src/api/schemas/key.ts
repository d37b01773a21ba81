/** API keys as the API takes and shows them. */
import { Type, type Static } from 'typebox';
import { EverhookError, invalidField } from '../../domain/errors';
import type { ApiKey } from '../../store/api-keys';
import { maskedKey } from '../api-key';
import { scopes, type Scope } from '../principal';
import { dateOf, Nullable, Text, Timestamp, Ulid } from './common';

const KeyFields = {
  name: Text(255, { minLength: 1, examples: ['Order service'] }),
  description: Type.Optional(Nullable(Text(255, { examples: ['Publishes orders'] }))),
  scopes: Type.Array(Type.Enum([...scopes]), {
    minItems: 1,
    maxItems: 100,
    description: 'At least one, none beyond those of the caller.',
    examples: [['write:events']],
  }),
  expires_at: Type.Optional(
    Nullable(
      Type.String({
        format: 'date-time',
        description: 'A time to come in ISO 8601; null or left out: never.',
        examples: ['2030-01-31T12:00:00Z'],
      }),
    ),
  ),
};

export const NewKey = Type.Object(KeyFields, { additionalProperties: false });

export const KeyChange = Type.Object(
  { ...KeyFields, name: Type.Optional(KeyFields.name), scopes: Type.Optional(KeyFields.scopes) },
  { additionalProperties: false },
);

export const KeyView = Type.Object({
  id: Ulid,
  name: Type.String({ examples: ['Order service'] }),
  description: Nullable(Type.String({ examples: ['Publishes orders'] })),
  key: Type.String({
    description: 'How the key begins; the whole of it is shown once, when it is created.',
    examples: [maskedKey('ehk_8Qw3tZ')],
  }),
  scopes: Type.Array(Type.String(), { examples: [['write:events']] }),
  expires_at: Nullable(Timestamp),
  last_accessed_at: Nullable(Timestamp),
  created_at: Timestamp,
  updated_at: Timestamp,
});

export function toKeyView(key: ApiKey): Static<typeof KeyView> {
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    key: maskedKey(key.prefix),
    scopes: key.scopes,
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_accessed_at: key.lastAccessedAt?.toISOString() ?? null,
    created_at: key.createdAt.toISOString(),
    updated_at: key.updatedAt.toISOString(),
  };
}

/**
 * A key gets no scope that its maker lacks, or a narrow token could make itself a wide key.
 *
 * @returns each once, in the order of the list of all
 * @throws FORBIDDEN
 */
export function grantedScopes(asked: readonly string[], own: readonly Scope[]): Scope[] {
  const lacking = asked.find((scope) => !own.some((mine) => mine === scope));
  if (lacking !== undefined) {
    throw new EverhookError('FORBIDDEN', `grants ${lacking} without having it`, {
      field: 'scopes',
      publicMessage: `These credentials lack the scope ${lacking}, so that no key of theirs can have it.`,
      details: { required: lacking, granted: own },
    });
  }
  return scopes.filter((scope) => asked.includes(scope));
}

/** @throws VALIDATION_ERROR when it is no date or has passed */
export function expiryOf(value: string | null): Date | null {
  if (value === null) return null;
  const date = dateOf('expires_at', value);
  if (date.getTime() <= Date.now()) throw invalidField('expires_at', 'expires_at must be a time to come.');
  return date;
}
