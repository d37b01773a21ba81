/** Writes `.env.example` from the schemas of the settings, so that the two cannot disagree. */
import type { TSchema } from 'typebox';
import { embeddedSchema, migrateSchema, serviceSchema, setupSchema } from './settings';

const sections: readonly { title: string; properties: Record<string, TSchema>; required?: readonly string[] }[] = [
  { title: 'Every role. `npm start` sets those that have no default by itself.', ...serviceSchema },
  { title: '`everhook migrate`', ...migrateSchema },
  { title: '`npm start`: the embedded parts', ...embeddedSchema },
  { title: 'Set-up of `npm start` and `npm test`', ...setupSchema },
];

export function envExample(): string {
  const blocks = sections.map(({ title, properties, required = [] }) => {
    const settings = Object.entries(properties).map(([name, schema]) =>
      describe(name, schema, required.includes(name)),
    );
    return `# ${'-'.repeat(76)}\n# ${title}\n# ${'-'.repeat(76)}\n\n${settings.join('\n')}`;
  });
  return `# Every setting of Everhook, its default and why it is there. Made by \`npx everhook env-example\`.\n\n${blocks.join('\n')}`;
}

function describe(name: string, schema: TSchema, required: boolean): string {
  const { description = '', default: defaultValue } = schema as { description?: string; default?: unknown };
  const value =
    typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue ?? '').replaceAll('"', '');
  const note = required && defaultValue === undefined ? ' Required.' : '';
  return `# ${description}${note}\n# ${name}=${value}\n`;
}
