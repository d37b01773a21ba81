/** The two pools, one for each role of Postgres, and Prisma on top of them. */
import type { Pool } from 'pg';
import type { Config } from '../config';
import type { PrismaClient } from '../store/generated/client';
import { createPool } from '../store/pool';
import { createPrisma } from '../store/prisma';
import { databaseFailed, type Telemetry } from '../telemetry/events';
import { poolMetrics } from '../telemetry/metrics/pools';
import { inTime } from './in-time';

export interface Databases {
  /** Sees one tenant at a time. */
  readonly servicePool: Pool;
  readonly servicePrisma: PrismaClient;
  /** Does what crosses tenants by nature. */
  readonly workerPool: Pool;
  readonly workerPrisma: PrismaClient;
}

export function createDatabases(config: Config, telemetry: Telemetry): Databases {
  const pool = (name: string, url: string, planOnce: boolean): Pool =>
    createPool({
      url,
      name,
      planOnce,
      min: config.DB_POOL_MIN,
      max: config.DB_POOL_MAX,
      onLost: (error) => databaseFailed(telemetry, 'connection', error),
      onFailed: (operation, error) => databaseFailed(telemetry, operation, error),
    });
  const servicePool = pool('everhook-svc', config.DATABASE_URL, false);
  // Its statements take arrays, of one thing mostly, for which Postgres would plan each time anew: longer than they run.
  const workerPool = pool('everhook-worker', config.DATABASE_WORKER_URL, true);
  for (const metric of poolMetrics({ svc: servicePool, worker: workerPool }, config.DB_POOL_MAX)) {
    telemetry.metrics.registry.registerMetric(metric);
  }
  return {
    servicePool,
    servicePrisma: createPrisma(servicePool),
    workerPool,
    workerPrisma: createPrisma(workerPool),
  };
}

export async function closeDatabases(databases: Databases): Promise<void> {
  await inTime(Promise.all([databases.servicePrisma.$disconnect(), databases.workerPrisma.$disconnect()]));
  await inTime(Promise.all([databases.servicePool.end(), databases.workerPool.end()]));
}
