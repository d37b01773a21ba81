/** A Postgres of the measurement's own, and what is in it: a busy tenant's history among that of others. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { ensureDatabase, ensureLogin, startPostgres } from '../../src/embedded/postgres';
import { choosePort } from '../../src/ports';
import { migrate } from '../../src/store/migrations';
import { projectFolder } from '../../src/version';

export interface BenchDatabase {
  readonly serviceUrl: string;
  readonly workerUrl: string;
  /** As superuser, who sees every row. */
  readonly admin: Client;
  /** For databases of others on the same server. */
  readonly superuser: { readonly port: number; readonly password: string; url(database: string): string };
  /** Of the postmaster. */
  readonly pid: number;
  stop(): Promise<void>;
}

const password = 'bench';
const host = '127.0.0.1';

export async function startDatabase(): Promise<BenchDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'everhook-bench-'));
  const undo: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  try {
    const { port } = await choosePort({ name: 'POSTGRES_PORT', preferred: 0, host });
    const server = await startPostgres({
      dataDir: join(folder, 'postgres'),
      host,
      port,
      password,
      logFile: join(folder, 'postgres.log'),
      // What a small server is given. Commits reach the disk, as they must in production.
      settings: { max_connections: '100', shared_buffers: '512MB', max_wal_size: '4GB', random_page_cost: '1.1' },
    });
    undo.push(() => server.stop());
    const owner = { owner: 'everhook_owner', ownerPassword: password };
    await ensureDatabase({ adminUrl: server.adminUrl, database: 'everhook', ...owner });
    const folderOfMigrations = join(projectFolder, 'prisma', 'migrations');
    await migrate({ ownerUrl: server.url('everhook_owner', password, 'everhook'), folder: folderOfMigrations });
    for (const role of ['hook_svc', 'hook_worker']) await ensureLogin(server.adminUrl, role, password);
    const admin = new Client({ connectionString: server.url('postgres', password, 'everhook') });
    await admin.connect();
    undo.push(() => admin.end());
    const [serviceUrl, workerUrl] = ['hook_svc', 'hook_worker'].map((role) => server.url(role, password, 'everhook'));
    return {
      serviceUrl: serviceUrl ?? '',
      workerUrl: workerUrl ?? '',
      admin,
      superuser: { port, password, url: (database) => server.url('postgres', password, database) },
      pid: server.pid,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface History {
  /** The busy tenant's webhook that takes `order.created` now; no other of its webhooks takes events. */
  readonly webhookId: string;
  /** An event of the busy tenant, and a delivery of it. */
  readonly eventId: string;
  readonly deliveryId: string;
}

/**
 * Fills the tables: half of all deliveries belong to one tenant with 20 webhooks, the rest to nine others.
 * They are spread over 29 days; 95 % succeeded, 2 % are dead letters, the rest is in any other state.
 */
export async function fill(admin: Client, tenantId: string, deliveries: number): Promise<History> {
  await admin.query(
    `UPDATE hook.quotas SET max_events_per_sec = 1000000, max_concurrent_deliveries = 1000000,
            max_dlq_size = 1000000, max_active_webhooks = 1000 WHERE tenant_id = $1`,
    [tenantId],
  );
  await admin.query(
    `INSERT INTO hook.tenants (id, name, client_id, client_secret_hash)
     SELECT 'other' || n, 'Other', 'other' || n, '' FROM generate_series(1, 9) n`,
  );
  await admin.query(
    `INSERT INTO hook.webhook_configs (id, tenant_id, url, event_types, secret_enc, state, max_queue_size)
     SELECT lpad(t.n || 'W' || w, 26, '0'), CASE t.n WHEN 0 THEN $1 ELSE 'other' || t.n END, 'https://example.com/',
            CASE w WHEN 1 THEN '{order.created}'::text[] ELSE '{*}' END, '',
            CASE w WHEN 1 THEN 'active' ELSE 'disabled' END, 1000000
     FROM generate_series(0, 9) AS t (n), generate_series(1, 20) AS w`,
    [tenantId],
  );
  await admin.query(createUlid);
  await admin.query(
    `CREATE TEMPORARY TABLE filled AS
     SELECT n, pg_temp.ulid((extract(epoch FROM at) * 1000)::bigint, n) AS id, 'order-' || n AS event_id, at,
            CASE t WHEN 0 THEN $1 ELSE 'other' || t END AS tenant_id, lpad(t || 'W' || n % 20 + 1, 26, '0') AS webhook_id,
            CASE WHEN n % 1000 = 7 THEN 'rare.type' ELSE 'order.type' || n % 17 END AS type,
            CASE WHEN r < 0.95 THEN 'SUCCESS' WHEN r < 0.97 THEN 'DEAD_LETTER' WHEN r < 0.98 THEN 'CANCELLED'
                 WHEN r < 0.985 THEN 'PENDING' WHEN r < 0.99 THEN 'IN_PROGRESS' WHEN r < 0.995 THEN 'FAILED_RETRY'
                 ELSE 'PAUSED' END AS status
     FROM (SELECT n, random() AS r, CASE WHEN n % 2 = 0 THEN 0 ELSE n / 2 % 9 + 1 END AS t,
                  date_trunc('milliseconds', now() - ($2::int - n) * interval '29 days' / $2::int) AS at
           FROM generate_series(1, $2::int) n) AS one`,
    [tenantId, deliveries],
  );
  await admin.query(
    `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
     SELECT tenant_id, event_id, type, '{"order":' || n || ',"total":"19.90"}', decode(md5(n::text), 'hex'), at
     FROM filled ORDER BY n`,
  );
  await admin.query(
    `INSERT INTO hook.deliveries (id, tenant_id, webhook_id, event_id, event_type, status, reason, attempts,
       last_status_code, expires_at, created_at, completed_at)
     SELECT id, tenant_id, webhook_id, event_id, type, status, CASE status WHEN 'DEAD_LETTER' THEN 'EXHAUSTED' END, 1,
            200, at + interval '1 day', at,
            CASE WHEN status IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED') THEN at + interval '1 second' END
     FROM filled ORDER BY n`,
  );
  await admin.query(
    `INSERT INTO hook.delivery_attempts (attempted_on, delivery_id, run_id, try, tenant_id, webhook_id, attempt_number,
       replay_no, trigger, outcome, http_status_code, duration_ms, attempted_at)
     SELECT at::date, id, 'run', 1, tenant_id, webhook_id, 1, 0, 'schedule',
            CASE status WHEN 'SUCCESS' THEN 'success' ELSE 'retry' END, 200, 20, at FROM filled ORDER BY n`,
  );
  const { rows } = await admin.query<{ id: string; event_id: string; webhook_id: string }>(
    `SELECT id, event_id, lpad('0W1', 26, '0') AS webhook_id FROM filled
     WHERE tenant_id = $1 AND n > $2::int / 2 ORDER BY n LIMIT 1`,
    [tenantId, deliveries],
  );
  await admin.query('DROP TABLE filled');
  await admin.query('VACUUM (ANALYZE)');
  await admin.query('CHECKPOINT');
  const [row] = rows;
  return { webhookId: row?.webhook_id ?? '', eventId: row?.event_id ?? '', deliveryId: row?.id ?? '' };
}

/** As if all that was accepted had been delivered: the queue stays as short as in a system that keeps up. */
export async function drain(admin: Client, { webhookId }: History): Promise<void> {
  await admin.query(
    `UPDATE hook.deliveries SET status = 'SUCCESS', claimed_by = NULL, claimed_until = NULL, completed_at = now()
     WHERE webhook_id = $1 AND status = 'PENDING' AND event_type = 'order.created'`,
    [webhookId],
  );
  await admin.query('VACUUM (ANALYZE) hook.deliveries, hook.events');
  await admin.query('CHECKPOINT');
}

/** A ULID of this millisecond that ends in the number; ids then sort by time, as ours do. */
const createUlid = `CREATE FUNCTION pg_temp.ulid(ms bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT ${Array.from(
    { length: 10 },
    (_, at) => `substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (ms >> ${(9 - at) * 5} & 31)::int + 1, 1)`,
  ).join(' || ')} || lpad(n::text, 16, '0') $$`;
