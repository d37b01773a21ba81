/**
 * Validation of requests by the routes' schemas. Bodies are taken as they are: `"5"` is no number.
 * Query strings are text by nature, so numbers and booleans are read from it.
 */
import Ajv, { type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifySchemaValidationError } from 'fastify';
import fp from 'fastify-plugin';
import { Type, type TSchema } from 'typebox';
import { EverhookError } from '../../domain/errors';

// `verbose` keeps the schema beside the error, whose description tells clients what would be right.
const options = { allErrors: false, useDefaults: true, verbose: true, strict: false } as const;

const noQuery = Type.Object({}, { additionalProperties: false });

export const validationPlugin = fp((app) => {
  const exact = addFormats(new Ajv({ ...options, coerceTypes: false }));
  const fromText = addFormats(new Ajv({ ...options, coerceTypes: 'array' }));

  // Without a schema nobody looks at the query: a mistaken `?dry_run=true` would be passed over, and the rest done.
  app.addHook('onRoute', (route) => {
    if (route.config?.access !== 'public') route.schema = { querystring: noQuery, ...route.schema };
  });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const ajv = httpPart === 'body' ? exact : fromText;
    return ajv.compile(schema as object);
  });
  return Promise.resolve();
});

/** A check like that of bodies, for a route that judges parts of its body one by one. */
export function compileExact(schema: TSchema): ValidateFunction {
  return addFormats(new Ajv({ ...options, coerceTypes: false })).compile(schema);
}

/** @param context `body`, `querystring`, `params` or `headers` */
export function explainValidation(
  errors: readonly FastifySchemaValidationError[],
  context: string | undefined,
): EverhookError {
  // The last error is the outermost one: the union itself, not one of its branches.
  const error = errors.at(-1) as ErrorObject | undefined;
  if (!error) return new EverhookError('VALIDATION_ERROR', 'unknown');

  const field = fieldOf(error, context);
  // An id in the path that cannot exist is answered like one that does not.
  if (context === 'params') return new EverhookError('NOT_FOUND', `no such ${field}`);
  return new EverhookError('VALIDATION_ERROR', `${field} ${error.message ?? ''}`, {
    field,
    publicMessage: messageOf(error, field),
  });
}

function fieldOf({ instancePath, params, keyword }: ErrorObject, context: string | undefined): string {
  const path = instancePath.split('/').slice(1).map(unescapePointer);
  if (keyword === 'required') path.push((params as { missingProperty: string }).missingProperty);
  if (keyword === 'additionalProperties') path.push((params as { additionalProperty: string }).additionalProperty);
  return path.join('.') || (context ?? 'body');
}

function messageOf({ keyword, message, params, parentSchema }: ErrorObject, field: string): string {
  switch (keyword) {
    case 'required':
      return `${field} is required.`;
    case 'additionalProperties':
      return `${field} is not a field of this request; remove it.`;
    case 'enum':
      return `${field} must be one of ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}.`;
  }
  const description = (parentSchema as { description?: string } | undefined)?.description;
  if (keyword === 'anyOf' || keyword === 'pattern' || keyword === 'format') {
    if (description !== undefined) return `${field} is not valid. ${description}`;
  }
  return `${field} ${message ?? 'is not valid'}.${description === undefined ? '' : ` ${description}`}`;
}

function unescapePointer(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
