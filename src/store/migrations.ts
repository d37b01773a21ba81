/**
 * Applies prisma/migrations/<name>/migration.sql in order of name, each in a transaction of its own,
 * and keeps the same book as `prisma migrate deploy`, so that either tool can follow the other.
 * Our own runner, because Prisma's needs an engine binary that must be downloaded.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

/** The advisory lock that `prisma migrate` takes, so that the two exclude each other as well. */
const prismaLockId = 72707369;

export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file in hex, as Prisma computes it. */
  readonly checksum: string;
}

/** @returns the migrations below a folder, in order */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

export interface MigrateOptions {
  /** Connection of the role that owns the schema. */
  readonly ownerUrl: string;
  readonly folder: string;
  readonly onApplied?: (name: string) => void;
}

/**
 * @returns the names of the migrations applied now; none when the database is up to date
 * @throws Error when an applied migration was edited since, or one that failed before was not mended
 */
export async function migrate({ ownerUrl, folder, onApplied }: MigrateOptions): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = new Client({ connectionString: ownerUrl, application_name: 'everhook-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [prismaLockId]);
    await createBook(client);
    const pending = await findPending(client, migrations);
    for (const migration of pending) {
      await apply(client, migration);
      onApplied?.(migration.name);
    }
    return pending.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

async function createBook(client: Client): Promise<void> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS hook;
    CREATE TABLE IF NOT EXISTS hook._prisma_migrations (
      id                  varchar(36) PRIMARY KEY NOT NULL,
      checksum            varchar(64) NOT NULL,
      finished_at         timestamptz,
      migration_name      varchar(255) NOT NULL,
      logs                text,
      rolled_back_at      timestamptz,
      started_at          timestamptz NOT NULL DEFAULT now(),
      applied_steps_count integer NOT NULL DEFAULT 0
    )`);
}

interface BookRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

async function findPending(client: Client, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<BookRow>(
    'SELECT migration_name, checksum, finished_at FROM hook._prisma_migrations WHERE rolled_back_at IS NULL',
  );
  const applied = new Map(rows.map((row) => [row.migration_name, row]));
  return migrations.filter((migration) => {
    const row = applied.get(migration.name);
    if (!row) return true;
    if (!row.finished_at) {
      throw new Error(
        `Migration ${migration.name} failed before; mend the database and run "prisma migrate resolve" for it.`,
      );
    }
    if (row.checksum !== migration.checksum) {
      throw new Error(`Migration ${migration.name} was edited after it was applied; put the change into a new one.`);
    }
    return false;
  });
}

async function apply(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(
      `INSERT INTO hook._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new Error(`Migration ${name} failed: ${(error as Error).message}`, { cause: error });
  }
}
