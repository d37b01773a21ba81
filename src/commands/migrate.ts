/** `everhook migrate`: brings the database up to date. */
import { join } from 'node:path';
import { loadMigrateConfig } from '../config';
import { migrate as applyMigrations } from '../store/migrations';
import { projectFolder } from '../version';

export async function migrate(print: (line: string) => void): Promise<void> {
  const { DATABASE_OWNER_URL } = loadMigrateConfig();
  const applied = await applyMigrations({
    ownerUrl: DATABASE_OWNER_URL,
    folder: join(projectFolder, 'prisma', 'migrations'),
    onApplied: (name) => print(`applied ${name}`),
  });
  if (applied.length === 0) print('The database is up to date.');
}
