import { Client } from 'pg';
import { TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let own: TestTenant;
let other: TestTenant;
let tables: string[];
let service: Client;

beforeAll(async () => {
  system = await TestSystem.start();
  own = await system.createTenant();
  other = await system.createTenant();
  for (const tenant of [own, other]) {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const [deliveryId] = await system.publish(tenant);
    await system.database.query(
      `INSERT INTO hook.delivery_attempts (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number,
         replay_no, trigger, outcome, duration_ms, attempted_at)
       VALUES (current_date, $1, 'run', 1, $2, $3, 1, 0, 'schedule', 'success', 1, now())`,
      [deliveryId, tenant.id, id],
    );
  }
  tables = (
    await system.database.query<{ name: string }>(
      `SELECT DISTINCT c.relname AS name FROM pg_class c
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
       WHERE c.relnamespace = 'hook'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND (a.attname IS NOT NULL OR c.relname = 'tenants') ORDER BY name`,
    )
  ).map(({ name }) => name);
  service = new Client({ connectionString: system.database.serviceUrl });
  await service.connect();
});

afterAll(async () => {
  await service.end();
  await system.stop();
});

const ownerColumn = (table: string) => (table === 'tenants' ? 'id' : 'tenant_id');

/** In a transaction that names a tenant and leaves nothing behind. */
async function asTenant<T>(tenantId: string | undefined, work: () => Promise<T>): Promise<T> {
  await service.query('BEGIN');
  try {
    if (tenantId !== undefined) await service.query("SELECT set_config('app.tenant', $1, true)", [tenantId]);
    return await work();
  } finally {
    await service.query('ROLLBACK');
  }
}

const ownersIn = async (client: Client, table: string): Promise<string[]> => {
  const { rows } = await client.query<{ owner: string }>(
    `SELECT DISTINCT ${ownerColumn(table)} AS owner FROM hook.${table}`,
  );
  return rows.map(({ owner }) => owner);
};

describe('row-level security', () => {
  it('stands on every table of tenants, for the owner of the tables as well', async () => {
    const lacking = await system.database.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'hook'::regnamespace AND relname = ANY($1)
         AND NOT (relrowsecurity AND relforcerowsecurity)`,
      [tables],
    );

    expect(tables.length).toBeGreaterThanOrEqual(8);
    expect(lacking).toEqual([]);
  });

  it('cannot be gone around by a partition: nobody may touch one by its own name', async () => {
    await system.database.query('SELECT hook.ensure_attempt_partitions(2)');

    const open = await system.database.query<{ relname: string }>(
      `SELECT c.relname FROM pg_class c, unnest(ARRAY['hook_svc', 'hook_worker']) role
       WHERE c.relnamespace = 'hook'::regnamespace AND c.relispartition AND c.relkind = 'r'
         AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')`,
    );

    expect(open).toEqual([]);
  });

  it('binds the roles: neither is a superuser, owns a table or may pass it by', async () => {
    const roles = await system.database.query(
      `SELECT rolname, rolsuper, rolbypassrls, rolcreaterole,
              EXISTS (SELECT 1 FROM pg_class WHERE relowner = r.oid) AS owns
       FROM pg_roles r WHERE rolname IN ('hook_svc', 'hook_worker') ORDER BY rolname`,
    );

    const bound = { rolsuper: false, rolbypassrls: false, rolcreaterole: false, owns: false };
    expect(roles).toEqual([
      { rolname: 'hook_svc', ...bound },
      { rolname: 'hook_worker', ...bound },
    ]);
  });

  it('shows hook_svc nothing as long as no tenant is named', async () => {
    for (const table of tables) {
      const never = await asTenant(undefined, () => ownersIn(service, table));
      const empty = await asTenant('', () => ownersIn(service, table));

      expect({ table, never, empty }).toEqual({ table, never: [], empty: [] });
    }
  });

  it('shows hook_svc the rows of the tenant that is named, and no others', async () => {
    for (const table of tables) {
      const owners = await asTenant(own.id, () => ownersIn(service, table));

      expect({ table, owners }).toEqual({ table, owners: [own.id] });
    }
  });

  it('shows hook_svc nothing again after the transaction', async () => {
    await asTenant(own.id, () => ownersIn(service, 'events'));

    expect(await ownersIn(service, 'events')).toEqual([]);
  });

  it('shows the owner of the tables nothing', async () => {
    const owner = new Client({ connectionString: system.database.ownerUrl });
    await owner.connect();

    const seen: string[][] = [];
    for (const table of tables) seen.push(await ownersIn(owner, table));

    await owner.end();
    expect(seen.flat()).toEqual([]);
  });

  it('lets hook_svc write no row for another tenant', async () => {
    for (const table of tables) {
      const insert = `INSERT INTO hook.${table}
        SELECT (jsonb_populate_record(t, jsonb_build_object('${ownerColumn(table)}', $1::text))).* FROM hook.${table} t`;

      await expect(asTenant(own.id, () => service.query(insert, [other.id]))).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('lets hook_svc neither change a row of another tenant nor give one away', async () => {
    for (const table of ['tenants', 'quotas', 'webhook_configs']) {
      const column = ownerColumn(table);
      const touch = `UPDATE hook.${table} SET updated_at = now() WHERE ${column} = $1`;
      const give = `UPDATE hook.${table} SET ${column} = $1`;

      expect((await asTenant(own.id, () => service.query(touch, [other.id]))).rowCount).toBe(0);
      await expect(asTenant(own.id, () => service.query(give, [other.id]))).rejects.toMatchObject({ code: '42501' });
    }
  });
});

describe('the rights of the roles', () => {
  const granted = (role: string, privilege: string) =>
    system.database.query<{ relname: string }>(
      `SELECT relname FROM pg_class WHERE relnamespace = 'hook'::regnamespace AND relkind IN ('r', 'p')
         AND has_table_privilege($1, oid, $2) ORDER BY relname`,
      [role, privilege],
    );

  it.each(['hook_svc', 'hook_worker'])(
    '%s may neither delete nor truncate anything, nor read the book',
    async (role) => {
      expect(await granted(role, 'DELETE, TRUNCATE')).toEqual([]);
      expect((await granted(role, 'SELECT')).map(({ relname }) => relname)).not.toContain('_prisma_migrations');
    },
  );

  it('hook_svc reads what was delivered and writes none of it', async () => {
    const written = (await granted('hook_svc', 'INSERT, UPDATE')).map(({ relname }) => relname);

    expect(written).toEqual(['audit_logs', 'data_keys', 'quotas', 'tenants', 'webhook_configs']);
  });

  it('nobody but the owner makes objects in the schema', async () => {
    const may = await system.database.query(
      `SELECT role FROM unnest(ARRAY['hook_svc', 'hook_worker', 'public']) role
       WHERE has_schema_privilege(role, 'hook', 'CREATE')`,
    );

    expect(may).toEqual([]);
  });

  it('the audit log cannot be changed by either role', async () => {
    const may = await system.database.query(
      `SELECT role FROM unnest(ARRAY['hook_svc', 'hook_worker']) role
       WHERE has_any_column_privilege(role, 'hook.audit_logs', 'UPDATE')`,
    );

    expect(may).toEqual([]);
  });
});
