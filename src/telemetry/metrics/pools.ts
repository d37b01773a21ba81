/** Connections to Postgres. Read when somebody asks, so that they cost nothing in between. */
import { Gauge } from 'prom-client';

/** What is counted of a pool of pg's. */
export interface WatchedPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** @param max connections of each */
export function poolMetrics(pools: Readonly<Record<string, WatchedPool>>, max: number): Gauge[] {
  return [
    new Gauge({
      name: 'hook_db_pool_connections',
      help: 'Connections to Postgres, by pool and state; waiting: those that want one and have none',
      labelNames: ['pool', 'state'],
      registers: [],
      collect() {
        for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
          this.set({ pool, state: 'used' }, totalCount - idleCount);
          this.set({ pool, state: 'idle' }, idleCount);
          this.set({ pool, state: 'waiting' }, waitingCount);
        }
      },
    }),
    new Gauge({
      name: 'hook_db_pool_max',
      help: 'Connections that a pool may have (DB_POOL_MAX)',
      labelNames: ['pool'],
      registers: [],
      collect() {
        for (const pool of Object.keys(pools)) this.set({ pool }, max);
      },
    }),
  ];
}
