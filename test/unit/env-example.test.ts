import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TSchema } from 'typebox';
import { loadConfig } from '../../src/config';
import { envExample } from '../../src/env-example';
import { embeddedSchema, migrateSchema, serviceSchema, setupSchema } from '../../src/settings';

const schemas = [serviceSchema, migrateSchema, embeddedSchema, setupSchema];
const settings = schemas.flatMap(({ properties, required }) =>
  Object.entries(properties as Record<string, TSchema>).map(([name, schema]) => ({
    name,
    schema: schema as { description?: string; default?: unknown },
    required: ((required ?? []) as readonly string[]).includes(name),
  })),
);
const withoutDefault = settings.filter(({ schema, required }) => required && schema.default === undefined);

const lines = envExample().split('\n');

/** What the example sets each name to. */
const values = Object.fromEntries(
  lines.flatMap((line) => {
    const [, name, value] = /^# ([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value]];
  }),
) as Record<string, string>;

describe('.env.example', () => {
  it('is what `npx everhook env-example` prints', () => {
    expect(readFileSync(join(__dirname, '../../.env.example'), 'utf8')).toBe(envExample());
  });

  it('has every setting once', () => {
    const names = lines.flatMap((line) => /^# ([A-Z_]+)=/.exec(line)?.[1] ?? []);

    expect(names).toEqual(settings.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(settings)('says in a sentence why $name is there', ({ name, schema }) => {
    expect(schema.description).toMatch(/^[A-Z`].{10,}\.$/);
    expect(lines[lines.findIndex((line) => line.startsWith(`# ${name}=`)) - 1]).toContain(schema.description);
  });

  it.each(withoutDefault)('says that $name is required', ({ name }) => {
    const reason = lines[lines.findIndex((line) => line.startsWith(`# ${name}=`)) - 1];

    expect(values[name]).toBe('');
    expect(reason).toMatch(/ Required\.$/);
  });

  it('sets nothing by itself', () => {
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  });

  it('gives the defaults that apply', () => {
    const filledIn = Object.fromEntries(withoutDefault.map(({ name }) => [name, 'x'.repeat(32)]));

    expect(loadConfig({ ...values, ...filledIn })).toEqual(loadConfig(filledIn));
  });
});
