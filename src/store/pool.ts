/** Connection pools to Postgres, one per database role. */
import { Pool } from 'pg';

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  readonly min: number;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** Told about connections that broke; the pool replaces them. */
  readonly onLost: (error: Error) => void;
}

export function createPool({ url, max, min, name, onLost }: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max,
    min,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    // What is accepted is on disk before the 202, whatever the server's default is.
    options: '-c synchronous_commit=on -c timezone=UTC -c statement_timeout=30000',
  });
  pool.on('error', onLost);
  // The pool listens to idle connections only. One that breaks while it is checked out would end the
  // process without a listener of its own; whoever waits for its query gets the error as well.
  pool.on('connect', (client) => client.on('error', onLost));
  return pool;
}
