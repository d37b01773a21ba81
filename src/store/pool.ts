/** Connection pools to Postgres, one per database role. */
import { Pool } from 'pg';
import { isRefused } from './sql-errors';

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  readonly min: number;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** Its statements are planned once for each connection, whatever their values are. */
  readonly planOnce?: boolean;
  /** Told about connections that broke; the pool replaces them. */
  readonly onLost: (error: Error) => void;
  /** Told of statements that were not carried out, by their names; not of those refused for their content. */
  readonly onFailed?: (statement: string, error: unknown) => void;
}

/** What is accepted is on disk before the 202, whatever the server's default is. */
const settings = '-c synchronous_commit=on -c timezone=UTC -c statement_timeout=30000';

export function createPool({ url, max, min, name, planOnce = false, onLost, onFailed }: PoolOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max,
    min,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    options: planOnce ? `${settings} -c plan_cache_mode=force_generic_plan` : settings,
  });
  pool.on('error', onLost);
  // The pool listens to idle connections only. One that breaks while it is checked out would end the
  // process without a listener of its own; whoever waits for its query gets the error as well.
  pool.on('connect', (client) => client.on('error', onLost));
  if (onFailed) tellOfFailures(pool, onFailed);
  return pool;
}

/** Those of transactions have no name here: they run on a client. */
function tellOfFailures(pool: Pool, onFailed: (statement: string, error: unknown) => void): void {
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  const told = (...args: unknown[]): unknown => {
    const answer = query(...args);
    if (answer instanceof Promise) {
      answer.catch((error: unknown) => {
        if (!isRefused(error)) onFailed(nameOf(args[0]), error);
      });
    }
    return answer;
  };
  pool.query = told as typeof pool.query;
}

function nameOf(statement: unknown): string {
  const name = typeof statement === 'object' && statement !== null && 'name' in statement ? statement.name : undefined;
  return typeof name === 'string' ? name : 'other';
}
