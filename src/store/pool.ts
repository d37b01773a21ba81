/** Connection pools to Postgres, one per database role. */
import { Pool } from 'pg';

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  readonly min: number;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** Told about connections that broke while idle; the pool replaces them. */
  readonly onIdleError: (error: Error) => void;
}

export function createPool({ url, max, min, name, onIdleError }: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max,
    min,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    // What is accepted is on disk before the 202, whatever the server's default is.
    options: '-c synchronous_commit=on -c timezone=UTC -c statement_timeout=30000',
  });
  // Without a listener such an error would end the process.
  pool.on('error', onIdleError);
  return pool;
}
