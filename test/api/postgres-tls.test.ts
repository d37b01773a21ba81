/** Postgres over TLS, by what DATABASE_URL says; on the shared server, which does both from here on. */
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPool } from '../../src/store/pool';
import { createAuthority, type Authority, type Issued } from '../support/certificates';
import { createDatabase, type TestDatabase } from '../support/database';
import { waitFor } from '../support/wait-for';

let folder: string;
let authority: Authority;
let database: TestDatabase;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'everhook-postgres-tls-'));
  authority = createAuthority(folder, 'authority');
  database = await createDatabase();
});

afterAll(async () => {
  await setTls(undefined);
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Postgres reads the files again without a restart; connections without TLS are not touched. */
async function setTls(issued: Issued | undefined): Promise<void> {
  const [row] = await database.query<{ data_directory: string }>('SHOW data_directory');
  const dataDir = String(row?.data_directory);
  if (issued) {
    // Postgres takes a key only when it is its own and nobody else may read it.
    const { uid, gid } = statSync(dataDir);
    for (const [from, to] of [
      [issued.certFile, 'server.crt'],
      [issued.keyFile, 'server.key'],
    ] as const) {
      copyFileSync(from, join(dataDir, to));
      chownSync(join(dataDir, to), uid, gid);
      chmodSync(join(dataDir, to), 0o600);
    }
  }
  await database.query(`ALTER SYSTEM SET ssl = ${issued ? 'on' : 'off'}`);
  await database.query('SELECT pg_reload_conf()');
  await waitFor(async () => {
    const [{ ssl } = { ssl: '' }] = await database.query<{ ssl: string }>('SHOW ssl');
    return ssl === (issued ? 'on' : 'off');
  }, 'Postgres to have read its settings again');
}

/** @returns the TLS version of a pooled connection, or why there is none */
async function connected(query: string): Promise<string> {
  const pool = createPool({
    url: `${database.serviceUrl}?${query}`,
    min: 0,
    max: 1,
    name: 'tls-test',
    onLost: () => {},
  });
  try {
    const { rows } = await pool.query<{ version: string | null }>(
      'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    return rows[0]?.version ?? 'in clear';
  } catch (error) {
    return String((error as { code?: string }).code ?? error);
  } finally {
    await pool.end();
  }
}

it('a connection that is to be verified is not made in clear', async () => {
  await setTls(undefined);

  expect(await connected(`sslmode=verify-full&sslrootcert=${authority.caFile}`)).toContain('does not support SSL');
  expect(await connected('')).toBe('in clear');
});

it('verify-full takes a server of the given authority and of the right name, and no other', async () => {
  await setTls(authority.issue('postgres', 'IP:127.0.0.1'));
  const stranger = createAuthority(folder, 'stranger');

  expect(await connected(`sslmode=verify-full&sslrootcert=${authority.caFile}`)).toBe('TLSv1.3');
  expect(await connected(`sslmode=verify-full&sslrootcert=${stranger.caFile}`)).toMatch(/CERT|SIGN/);
  expect(await connected('sslmode=verify-full')).toMatch(/CERT|SIGN/);
  expect(await connected('sslmode=no-verify')).toBe('TLSv1.3');
  expect(await connected('sslmode=disable')).toBe('in clear');

  await setTls(authority.issue('elsewhere', 'DNS:elsewhere.test'));
  // Whatever process of the server was forked before has the certificate from before.
  const code = await waitFor(async () => {
    const answer = await connected(`sslmode=verify-full&sslrootcert=${authority.caFile}`);
    return answer !== 'TLSv1.3' && answer;
  });
  expect(code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});
