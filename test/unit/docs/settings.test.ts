/** docs/settings.md is made from the schemas that check the settings; `UPDATE_DOCS=1` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TSchema } from 'typebox';
import { embeddedSchema, migrateSchema, serviceSchema, setupSchema } from '../../../src/settings';
import { projectFolder } from '../../../src/version';

const file = join(projectFolder, 'docs', 'settings.md');

const intro = `# Settings

Environment variables, validated when a process starts: a missing or wrong one ends it at once, with its name and what is wrong. This page and [.env.example](../.env.example) are made from the schemas that validate them.
`;

interface Setting {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly type?: string;
}

interface Settings {
  readonly properties: Record<string, TSchema>;
  readonly required?: readonly string[];
}

function page(): string {
  return [
    intro,
    section('API and worker', serviceSchema),
    section('`everhook migrate`', migrateSchema),
    section('The embedded parts of `npm start`', embeddedSchema),
    section('Set-up of `npm start` and `npm test`', setupSchema),
  ].join('\n');
}

function section(title: string, { properties, required = [] }: Settings): string {
  const rows = Object.entries(properties).map(([name, schema]) => {
    const setting = schema as Setting;
    const needed = required.includes(name) && setting.default === undefined;
    return `| \`${name}\` | ${needed ? 'required' : code(setting.default)} | ${valuesOf(setting)} | ${cell(setting.description ?? '')} |`;
  });
  return [`## ${title}`, '', '| name | default | values | what for |', '| --- | --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
}

function valuesOf({ enum: values, minimum, maximum, type }: Setting): string {
  if (values) return values.map((value) => code(value)).join(', ');
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  return type === 'boolean' ? '`true`, `false`' : '';
}

const code = (value: unknown): string =>
  value === undefined || value === '' ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

const cell = (text: string): string => text.replaceAll('|', '\\|');

it('docs/settings.md says what is validated', () => {
  const made = page();

  if (process.env['UPDATE_DOCS']) writeFileSync(file, made);
  expect(readFileSync(file, 'utf8')).toBe(made);
});
