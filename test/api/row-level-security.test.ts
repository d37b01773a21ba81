import { Client } from 'pg';
import { newId } from '../../src/domain/ids';
import { TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let own: TestTenant;
let other: TestTenant;
let tables: string[];
/** Those of `tables` that hook_svc may read at all. */
let readable: string[];
let service: Client;

beforeAll(async () => {
  system = await TestSystem.start();
  own = await system.createTenant();
  other = await system.createTenant();
  for (const tenant of [own, other]) {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const [deliveryId] = await system.publish(tenant);
    await system.call('POST', `/v1/webhooks/${id}/replay`, {
      token: tenant.token,
      body: { since: '2026-01-01T00:00:00Z' },
    });
    await system.call('POST', '/v1/keys', { token: tenant.token, body: { name: 'k', scopes: ['read:webhooks'] } });
    await system.database.query(
      `INSERT INTO hook.in_flight_leases (tenant_id, webhook_id, worker_id, slots, used, until)
       VALUES ($1, '', 'a worker', 1, 1, now())`,
      [tenant.id],
    );
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
  readable = (await granted('hook_svc', 'SELECT')).filter((table) => tables.includes(table));
  service = new Client({ connectionString: system.database.serviceUrl });
  await service.connect();
});

afterAll(async () => {
  await service.end();
  await system.stop();
});

/** The tables on which the role has one of the privileges, given as a list. */
const granted = async (role: string, privileges: string): Promise<string[]> => {
  const rows = await system.database.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = 'hook'::regnamespace AND relkind IN ('r', 'p')
       AND has_table_privilege($1, oid, $2) ORDER BY relname`,
    [role, privileges],
  );
  return rows.map(({ relname }) => relname);
};

const policyViolated = { code: '42501', message: expect.stringContaining('row-level security') as string };

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

    expect(tables.length).toBeGreaterThanOrEqual(9);
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
    for (const table of readable) {
      const never = await asTenant(undefined, () => ownersIn(service, table));
      const empty = await asTenant('', () => ownersIn(service, table));

      expect({ table, never, empty }).toEqual({ table, never: [], empty: [] });
    }
  });

  it('shows hook_svc the rows of the tenant that is named, and no others', async () => {
    for (const table of readable) {
      const owners = await asTenant(own.id, () => ownersIn(service, table));

      expect({ table, owners }).toEqual({ table, owners: [own.id] });
    }
  });

  it('shows hook_svc nothing again after the transaction', async () => {
    await asTenant(own.id, () => ownersIn(service, 'deliveries'));

    expect(await ownersIn(service, 'deliveries')).toEqual([]);
  });

  it('shows the owner of the tables nothing', async () => {
    const owner = new Client({ connectionString: system.database.ownerUrl });
    await owner.connect();

    const seen: string[][] = [];
    for (const table of tables) seen.push(await ownersIn(owner, table));

    await owner.end();
    expect(seen.flat()).toEqual([]);
  });

  it('refuses hook_svc whatever it has no business with, even of the tenant that is named', async () => {
    for (const table of tables.filter((name) => !readable.includes(name))) {
      await expect(asTenant(own.id, () => ownersIn(service, table))).rejects.toMatchObject({ code: '42501' });
    }
  });

  it.each(['api_keys', 'quotas', 'replays', 'tenants', 'webhook_configs'])(
    'lets hook_svc write no row of %s for another tenant',
    async (table) => {
      const insert = `INSERT INTO hook.${table}
        SELECT (jsonb_populate_record(t, jsonb_build_object('${ownerColumn(table)}', $1::text))).* FROM hook.${table} t`;

      await expect(asTenant(own.id, () => service.query(insert, [other.id]))).rejects.toMatchObject(policyViolated);
    },
  );

  it('lets hook_svc write into the audit log of the tenant that is named, and into no other', async () => {
    const insert = `INSERT INTO hook.audit_logs (id, tenant_id, action, actor, target) VALUES ($1, $2, 'a', 'b', 'c')`;

    const written = await asTenant(own.id, () => service.query(insert, [newId(), own.id]));

    expect(written.rowCount).toBe(1);
    await expect(asTenant(own.id, () => service.query(insert, [newId(), other.id]))).rejects.toMatchObject(
      policyViolated,
    );
  });

  it('lets hook_svc neither change a webhook of another tenant nor give one away', async () => {
    const touch = 'UPDATE hook.webhook_configs SET updated_at = now() WHERE tenant_id = $1';
    const give = 'UPDATE hook.webhook_configs SET tenant_id = $1';

    const touched = await asTenant(own.id, () => service.query(touch, [other.id]));

    expect(touched.rowCount).toBe(0);
    await expect(asTenant(own.id, () => service.query(give, [other.id]))).rejects.toMatchObject(policyViolated);
  });

  it('lets hook_svc neither change a delivery of another tenant nor give one away', async () => {
    const touch = "UPDATE hook.deliveries SET status = 'CANCELLED' WHERE tenant_id = $1";
    const give = 'UPDATE hook.deliveries SET tenant_id = $1';

    const touched = await asTenant(own.id, () => service.query(touch, [other.id]));

    expect(touched.rowCount).toBe(0);
    await expect(asTenant(own.id, () => service.query(give, [other.id]))).rejects.toMatchObject({ code: '42501' });
  });

  it.each(['api_keys', 'quotas', 'tenants'])('lets hook_svc change no row of %s of another tenant', async (table) => {
    const touch = `UPDATE hook.${table} SET updated_at = now() WHERE ${ownerColumn(table)} = $1`;

    const touched = await asTenant(own.id, () => service.query(touch, [other.id]));

    expect(touched.rowCount).toBe(0);
  });
});

describe('the rights of the roles', () => {
  it.each([
    [
      'hook_svc',
      'SELECT',
      [
        'api_keys',
        'audit_logs',
        'deliveries',
        'delivery_attempts',
        'events',
        'in_flight_leases',
        'quotas',
        'replays',
        'tenants',
        'webhook_configs',
      ],
    ],
    ['hook_svc', 'INSERT', ['api_keys', 'audit_logs', 'quotas', 'replays', 'tenants', 'webhook_configs']],
    ['hook_svc', 'UPDATE', ['api_keys', 'quotas', 'tenants', 'webhook_configs']],
    ['hook_svc', 'DELETE, TRUNCATE', []],
    [
      'hook_worker',
      'SELECT',
      [
        'api_keys',
        'data_keys',
        'deliveries',
        'delivery_attempts',
        'events',
        'in_flight_leases',
        'quotas',
        'rate_leases',
        'replays',
        'tenants',
        'webhook_configs',
      ],
    ],
    [
      'hook_worker',
      'INSERT',
      ['audit_logs', 'data_keys', 'deliveries', 'delivery_attempts', 'events', 'in_flight_leases', 'rate_leases'],
    ],
    [
      'hook_worker',
      'UPDATE',
      ['api_keys', 'deliveries', 'in_flight_leases', 'rate_leases', 'replays', 'webhook_configs'],
    ],
    // What a process leased is no record of anything; of the rest only what ended long ago, see below.
    [
      'hook_worker',
      'DELETE',
      ['deliveries', 'delivery_attempts', 'events', 'in_flight_leases', 'rate_leases', 'replays'],
    ],
    ['hook_worker', 'TRUNCATE', []],
  ])('%s has %s on nothing but %j', async (role, privilege, expected) => {
    expect(await granted(role, privilege)).toEqual(expected);
  });

  it('are given for single columns only where hook_svc replays, cancels and resolves deliveries and calls replays off, and hook_worker wraps keys anew', async () => {
    const columns = await system.database.query<{ may: string; columns: string[] }>(
      `SELECT format('%s: %s on %s', g.grantee::regrole, g.privilege_type, attrelid::regclass) AS may,
              array_agg(attname::text ORDER BY attname) AS columns
       FROM pg_attribute, aclexplode(attacl) g
       WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'hook'::regnamespace) GROUP BY may`,
    );

    expect(columns).toEqual([
      {
        may: 'hook_svc: UPDATE on hook.deliveries',
        columns: [
          'attempts_at_replay',
          'claimed_by',
          'claimed_until',
          'completed_at',
          'expires_at',
          'last_error',
          'last_status_code',
          'next_attempt_at',
          'parked_version',
          'reason',
          'replay_no',
          'replayed_at',
          'resolved_at',
          'resolved_by',
          'status',
          'waiting_since',
        ],
      },
      { may: 'hook_svc: UPDATE on hook.replays', columns: ['completed_at', 'state', 'updated_at'] },
      { may: 'hook_worker: UPDATE on hook.data_keys', columns: ['context_version', 'key_arn', 'wrapped'] },
    ]);
  });

  it.each(['serviceUrl', 'workerUrl'] as const)('let nobody change the audit log who comes by %s', async (url) => {
    const client = new Client({ connectionString: system.database[url] });
    await client.connect();

    const tries = ["UPDATE hook.audit_logs SET actor = 'x'", 'DELETE FROM hook.audit_logs', 'TRUNCATE hook.audit_logs'];
    const codes: unknown[] = [];
    for (const sql of tries) codes.push(await client.query(sql).catch(({ code }: { code?: string }) => code));

    await client.end();
    expect(codes).toEqual(['42501', '42501', '42501']);
  });

  it("to change or delete rows of the audit log are nobody's but its owner's", async () => {
    const others = await system.database.query(
      `SELECT grantee::regrole::text AS grantee, privilege_type FROM pg_class, aclexplode(relacl)
       WHERE oid = 'hook.audit_logs'::regclass AND grantee <> relowner AND privilege_type NOT IN ('SELECT', 'INSERT')`,
    );

    expect(others).toEqual([]);
  });

  it('let hook_worker delete nothing that is open, young or still belongs to something', async () => {
    const worker = new Client({ connectionString: system.database.workerUrl });
    await worker.connect();
    await system.database.query(
      `UPDATE hook.events SET created_at = now() - interval '1 year';
       UPDATE hook.deliveries SET created_at = now() - interval '1 year', completed_at = now() - interval '1 year'`,
    );

    const left: Record<string, number | null> = {};
    for (const table of ['deliveries', 'delivery_attempts', 'events', 'replays']) {
      left[table] = (await worker.query(`DELETE FROM hook.${table}`)).rowCount;
    }
    await system.database.query(`UPDATE hook.deliveries SET status = 'SUCCESS', completed_at = now()`);
    const young = await worker.query('DELETE FROM hook.deliveries');

    await worker.end();
    expect(left).toEqual({ deliveries: 0, delivery_attempts: 0, events: 0, replays: 0 });
    expect(young.rowCount).toBe(0);
  });

  it('let hook_worker have removed neither partitions in use nor audit rows of the last 30 days', async () => {
    const worker = new Client({ connectionString: system.database.workerUrl });
    await worker.connect();
    await system.database.query(`UPDATE hook.audit_logs SET created_at = now() - interval '29 days'`);

    const partition = worker.query("SELECT hook.drop_attempt_partition(current_date, 'Z')");
    await expect(partition).rejects.toMatchObject({ code: '22023' });
    const { rows } = await worker.query("SELECT removed FROM hook.remove_audit_logs('', 'Z', 'infinity', 1000)");

    await worker.end();
    expect(rows).toEqual([{ removed: 0 }]);
  });

  it('let nobody but hook_worker call what runs with the rights of the owner', async () => {
    const may = await system.database.query(
      `SELECT proname, role FROM pg_proc, unnest(ARRAY['hook_svc', 'hook_worker', 'public']) role
       WHERE pronamespace = 'hook'::regnamespace AND prosecdef AND has_function_privilege(role, oid, 'EXECUTE')
       ORDER BY proname`,
    );

    expect(may).toEqual([
      { proname: 'drop_attempt_partition', role: 'hook_worker' },
      { proname: 'ensure_attempt_partitions', role: 'hook_worker' },
      { proname: 'remove_audit_logs', role: 'hook_worker' },
    ]);
  });

  it('nobody but the owner makes objects in the schema', async () => {
    const may = await system.database.query(
      `SELECT role FROM unnest(ARRAY['hook_svc', 'hook_worker', 'public']) role
       WHERE has_schema_privilege(role, 'hook', 'CREATE')`,
    );

    expect(may).toEqual([]);
  });
});
