/** A database of a test file's own, cloned from the migrated template. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { sharedServers } from './shared-servers';

export interface TestDatabase {
  readonly serviceUrl: string;
  readonly workerUrl: string;
  readonly ownerUrl: string;
  /** As superuser, who sees every row. */
  query<T extends object>(sql: string, values?: unknown[]): Promise<T[]>;
  drop(): Promise<void>;
}

export async function createDatabase(): Promise<TestDatabase> {
  const { host, port, password } = sharedServers().postgres;
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const url = (user: string, database: string) => `postgresql://${user}:${password}@${host}:${port}/${database}`;
  // Two clones of one template at a time refuse each other, so files take turns.
  await asAdmin(url('postgres', 'postgres'), async (admin) => {
    await admin.query('SELECT pg_advisory_lock(1)');
    await admin.query(`CREATE DATABASE ${name} TEMPLATE everhook_template OWNER everhook_owner`);
  });
  const client = new Client({ connectionString: url('postgres', name) });
  await client.connect();
  return {
    serviceUrl: url('hook_svc', name),
    workerUrl: url('hook_worker', name),
    ownerUrl: url('everhook_owner', name),
    query: async <T extends object>(sql: string, values: unknown[] = []) => (await client.query<T>(sql, values)).rows,
    async drop() {
      await client.end();
      await asAdmin(url('postgres', 'postgres'), async (admin) => {
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      });
    },
  };
}

async function asAdmin(connectionString: string, work: (admin: Client) => Promise<void>): Promise<void> {
  const admin = new Client({ connectionString });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
