/** docs/data-model.md is what the migrations make; `UPDATE_DOCS=1` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { projectFolder } from '../../src/version';
import { dataModel } from '../support/data-model';
import { TestSystem } from '../support/system';

const file = join(projectFolder, 'docs', 'data-model.md');

const intro = `# Data model

All tables are in the schema \`hook\` of Postgres. The migrations in \`prisma/migrations\` are the source of truth; this page is made from a database that they have made, and a test compares the two. What happens between the tables is in [architecture.md](architecture.md).
`;

it('is described as it is', async () => {
  const system = await TestSystem.start();
  const client = new Client({ connectionString: system.database.ownerUrl });
  await client.connect();
  const made = `${intro}\n${await dataModel(client)}`;
  await client.end();
  await system.stop();
  if (process.env['UPDATE_DOCS']) writeFileSync(file, made);
  expect(readFileSync(file, 'utf8')).toBe(made);
});
