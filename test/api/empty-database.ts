/** A database without anything in it, for tests of the migrations themselves. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { sharedServers } from '../support/shared-servers';

export interface EmptyDatabase {
  readonly ownerUrl: string;
  /** As superuser. */
  query<T extends object>(sql: string): Promise<T[]>;
  /** As the role that owns the schema, in one transaction, as migrations run. */
  asOwner(sql: string): Promise<void>;
  drop(): Promise<void>;
}

export async function createEmptyDatabase(): Promise<EmptyDatabase> {
  const { host, port, password } = sharedServers().postgres;
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const url = (user: string, database: string) => `postgresql://${user}:${password}@${host}:${port}/${database}`;
  const admin = await connect(url('postgres', 'postgres'));
  await admin.query(`CREATE DATABASE ${name} TEMPLATE template0 OWNER everhook_owner`);
  const superuser = await connect(url('postgres', name));
  const ownerUrl = url('everhook_owner', name);
  const owner = await connect(ownerUrl);
  return {
    ownerUrl,
    query: async <T extends object>(sql: string) => (await superuser.query<T>(sql)).rows,
    async asOwner(sql) {
      await owner.query(`BEGIN; ${sql}; COMMIT`);
    },
    async drop() {
      await Promise.all([superuser.end(), owner.end()]);
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  await client.connect();
  return client;
}
