/**
 * Examples put together from those of the parts: a schema that says of each string what one looks like gets
 * its example for nothing, and a test holds every example against its schema.
 */
import type { TSchema } from 'typebox';

/** What this module reads of a JSON schema. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** @returns undefined where a part says too little; a property without an example is left out */
export function exampleOf(schema: TSchema): unknown {
  return compose(schema);
}

function compose(schema: Schema): unknown {
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf !== undefined) return schema.anyOf.map(compose).find((example) => example !== undefined);
  switch (schema.type) {
    case 'object':
      return composeObject(schema.properties ?? {});
    case 'array':
      return composeArray(schema.items);
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return undefined;
  }
}

function composeObject(properties: Readonly<Record<string, Schema>>): Record<string, unknown> {
  const examples = Object.entries(properties).map(([name, schema]) => [name, compose(schema)] as const);
  return Object.fromEntries(examples.filter(([, example]) => example !== undefined));
}

function composeArray(items: Schema | undefined): unknown[] {
  const example = items && compose(items);
  return example === undefined ? [] : [example];
}
