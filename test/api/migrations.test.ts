import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { migrate, readMigrations } from '../../src/store/migrations';
import { TestSystem } from '../support/system';
import { createEmptyDatabase, type EmptyDatabase } from './empty-database';

const folder = join(__dirname, '..', '..', 'prisma', 'migrations');

let database: EmptyDatabase;
let copy: string;

beforeEach(async () => {
  database = await createEmptyDatabase();
  copy = mkdtempSync(join(tmpdir(), 'everhook-migrations-'));
  cpSync(folder, copy, { recursive: true });
});

afterEach(async () => {
  await database.drop();
  rmSync(copy, { recursive: true });
});

const allNames = async () => (await readMigrations(folder)).map(({ name }) => name);
const book = <T extends object>(columns: string) =>
  database.query<T>(`SELECT ${columns} FROM hook._prisma_migrations ORDER BY migration_name`);

function addMigration(name: string, sql: string): void {
  mkdirSync(join(copy, name));
  writeFileSync(join(copy, name, 'migration.sql'), sql);
}

describe('migrate', () => {
  it('applies every migration in order, once', async () => {
    const told: string[] = [];

    const first = await migrate({ ownerUrl: database.ownerUrl, folder, onApplied: (name) => told.push(name) });
    const second = await migrate({ ownerUrl: database.ownerUrl, folder });

    expect(first).toEqual(await allNames());
    expect(told).toEqual(first);
    expect(second).toEqual([]);
  });

  it('applies only what was added since', async () => {
    await migrate({ ownerUrl: database.ownerUrl, folder });
    addMigration('9999_more', 'CREATE TABLE hook.more (id integer)');

    expect(await migrate({ ownerUrl: database.ownerUrl, folder: copy })).toEqual(['9999_more']);
  });

  it('lets several processes that start at once apply each migration one time', async () => {
    const applied = await Promise.all(
      Array.from({ length: 5 }, () => migrate({ ownerUrl: database.ownerUrl, folder })),
    );

    expect(applied.flat()).toEqual(await allNames());
    expect(await book('migration_name')).toHaveLength((await allNames()).length);
  });

  it('refuses a migration that was edited after it was applied, and applies nothing after it', async () => {
    await migrate({ ownerUrl: database.ownerUrl, folder });
    const [name = ''] = await allNames();
    appendFileSync(join(copy, name, 'migration.sql'), '\n-- edited');
    addMigration('9999_more', 'CREATE TABLE hook.more (id integer)');

    await expect(migrate({ ownerUrl: database.ownerUrl, folder: copy })).rejects.toThrow(`${name} was edited`);
    expect(await database.query("SELECT to_regclass('hook.more') AS t")).toEqual([{ t: null }]);
  });

  it('leaves nothing of a migration that fails, and goes on once it was mended', async () => {
    addMigration('9999_broken', 'CREATE TABLE hook.half (id integer); SELECT 1 / 0');

    await expect(migrate({ ownerUrl: database.ownerUrl, folder: copy })).rejects.toThrow(/9999_broken failed: .*zero/);
    expect(await database.query("SELECT to_regclass('hook.half') AS t")).toEqual([{ t: null }]);
    writeFileSync(join(copy, '9999_broken', 'migration.sql'), 'CREATE TABLE hook.half (id integer)');
    expect(await migrate({ ownerUrl: database.ownerUrl, folder: copy })).toEqual(['9999_broken']);
  });

  it('stops at a migration that Prisma began and did not finish', async () => {
    await migrate({ ownerUrl: database.ownerUrl, folder });
    await database.query(
      "UPDATE hook._prisma_migrations SET finished_at = NULL WHERE migration_name = '0002_tenants' RETURNING 1",
    );

    await expect(migrate({ ownerUrl: database.ownerUrl, folder })).rejects.toThrow(/0002_tenants failed before/);
  });

  it('keeps the book as Prisma keeps it', async () => {
    await migrate({ ownerUrl: database.ownerUrl, folder });

    const rows = await book<{ id: string; checksum: string; migration_name: string }>(
      'id, checksum, migration_name, logs, rolled_back_at, applied_steps_count, finished_at >= started_at AS finished',
    );

    expect(rows).toEqual(
      (await allNames()).map((name) => ({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        checksum: createHash('sha256')
          .update(readFileSync(join(folder, name, 'migration.sql')))
          .digest('hex'),
        migration_name: name,
        logs: null,
        rolled_back_at: null,
        applied_steps_count: 1,
        finished: true,
      })),
    );
  });

  it('has the table of the book with the columns of Prisma', async () => {
    await migrate({ ownerUrl: database.ownerUrl, folder });

    const columns = await database.query<{ column: string }>(
      `SELECT concat_ws(' ', column_name, data_type, character_maximum_length, is_nullable) AS column
       FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY column_name`,
    );

    expect(columns.map(({ column }) => column)).toEqual([
      'applied_steps_count integer NO',
      'checksum character varying 64 NO',
      'finished_at timestamp with time zone YES',
      'id character varying 36 NO',
      'logs text YES',
      'migration_name character varying 255 NO',
      'rolled_back_at timestamp with time zone YES',
      'started_at timestamp with time zone NO',
    ]);
  });
});

describe('down.sql', () => {
  it('undoes its migration and nothing else, each in reverse order, so that all can be applied again', async () => {
    const steps: { name: string; before: unknown }[] = [];
    for (const { name, sql } of await readMigrations(folder)) {
      steps.push({ name, before: await schemaOf(database) });
      await database.asOwner(sql);
    }
    const full = await schemaOf(database);

    const undone: unknown[] = [];
    for (const { name } of steps.toReversed()) {
      await database.asOwner(readFileSync(join(folder, name, 'down.sql'), 'utf8'));
      undone.push({ name, before: await schemaOf(database) });
    }

    expect(undone).toEqual(steps.toReversed());
    expect(await migrate({ ownerUrl: database.ownerUrl, folder })).toEqual(steps.map(({ name }) => name));
    expect(await schemaOf(database)).toEqual(full);
  });
});

describe('rolling back with data', () => {
  it('keeps what was there before, and all can be applied again', async () => {
    const system = await TestSystem.start();
    const tenant = await system.createTenant();
    await system.createWebhook(tenant, { url: 'https://example.com/hook' });
    const [waiting, dead] = [...(await system.publish(tenant)), ...(await system.publish(tenant))];
    await system.database.query("UPDATE hook.deliveries SET status = 'FAILED_RETRY', attempts = 1 WHERE id = $1", [
      waiting,
    ]);
    await system.database.query(
      "UPDATE hook.deliveries SET status = 'DEAD_LETTER', reason = 'EXHAUSTED', completed_at = now() WHERE id = $1",
      [dead],
    );
    const kept = () =>
      system.database.query(
        `SELECT t.id AS tenant, w.id AS webhook, w.url, e.id AS event, e.payload_snapshot, d.id, d.status, d.attempts
         FROM hook.tenants t JOIN hook.webhook_configs w ON w.tenant_id = t.id JOIN hook.deliveries d ON d.webhook_id = w.id
         JOIN hook.events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id ORDER BY d.id`,
      );
    const before = await kept();
    expect(before).toHaveLength(2);
    const owner = new Client({ connectionString: system.database.ownerUrl });
    await owner.connect();

    const undone: string[] = [];
    for (const { name } of (await readMigrations(folder)).toReversed()) {
      // From here on there are the tables that are looked at.
      if (name === '0005_access') break;
      await owner.query(`BEGIN; ${readFileSync(join(folder, name, 'down.sql'), 'utf8')}; COMMIT`);
      await owner.query('DELETE FROM hook._prisma_migrations WHERE migration_name = $1', [name]);
      undone.unshift(name);
      expect(await kept()).toEqual(before);
    }
    await owner.end();

    expect(undone.length).toBeGreaterThan(10);
    expect(await migrate({ ownerUrl: system.database.ownerUrl, folder })).toEqual(undone);
    expect(await kept()).toEqual(before);
    expect(await system.publish(tenant)).toHaveLength(1);
    await system.stop();
  });
});

/** Everything in the schema that a migration can make, but for the book, one line each. */
async function schemaOf(database: EmptyDatabase): Promise<string[]> {
  const rows = await database.query<{ line: string }>(`
    WITH relations AS (
      SELECT c.* FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('hook') AND c.relname NOT LIKE '%prisma%'
    ), functions AS (
      SELECT p.* FROM pg_proc p WHERE p.pronamespace = to_regnamespace('hook')
    )
    SELECT format('relation %s %s rls=%s force=%s', relname, relkind, relrowsecurity, relforcerowsecurity) AS line
      FROM relations
    UNION ALL SELECT format('column %s.%s %s null=%s default=%s compression=%s', r.relname, a.attname,
        format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attcompression)
      FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum WHERE r.relkind IN ('r', 'p')
    UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(k.oid))
      FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
    UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN relations r ON r.oid = i.indrelid
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid
      WHERE NOT t.tgisinternal
    UNION ALL SELECT format('policy %s', p) FROM pg_policies p WHERE schemaname = 'hook'
    UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM functions
    UNION ALL SELECT format('grant %s on %s to %s', a.privilege_type, relname, a.grantee::regrole)
      FROM relations, aclexplode(coalesce(relacl, acldefault('r', relowner))) a WHERE a.grantee <> relowner
    UNION ALL SELECT format('grant %s on %s() to %s', a.privilege_type, proname, a.grantee::regrole)
      FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee <> proowner
    UNION ALL SELECT format('grant %s on schema to %s', a.privilege_type, a.grantee::regrole)
      FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'hook' AND a.grantee <> nspowner
    ORDER BY line`);
  return rows.map(({ line }) => line);
}
