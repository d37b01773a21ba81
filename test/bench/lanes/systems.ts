/** What is compared with each other, all on the same machine, Postgres, receiver and Temporal server. */
import { countRows, createTenant, type Caller, type Stand } from '../stand';
import type { ServerProcess } from '../server-process';
import type { System } from './measure';

export type SystemName =
  'post' | 'relay' | 'direct' | 'bullmq' | 'graphile' | 'floor-local' | 'floor-normal' | 'workflow';

export interface Everhook {
  readonly server: ServerProcess;
  readonly tenant: Caller;
}

export interface Counts {
  /** Deliveries of one round, without Temporal and with it. */
  readonly light: number;
  readonly heavy: number;
}

const bare = { path: '/', headers: {}, type: 'bench', fanOut: 1 };

/** @returns those of them that can be had, in this order */
export async function startSystems(
  stand: Stand,
  names: readonly SystemName[],
  counts: Counts,
  everhook: Everhook | undefined,
  profiles?: string,
): Promise<System[]> {
  const { light, heavy } = counts;
  const env = {
    DATABASE_WORKER_URL: stand.database.workerUrl,
    RECEIVER: stand.receiverUrl,
    TEMPORAL_ADDRESS: stand.temporal.address,
  };
  const start = (program: string, more: Record<string, string> = {}): Promise<ServerProcess> =>
    stand.startServer(program, { env: { ...env, ...more }, ...(profiles !== undefined && { profiles }) });
  const make: Record<SystemName, () => Promise<System | undefined>> = {
    async post() {
      return {
        ...bare,
        name: 'post',
        label: 'bare POST loop',
        durability: 'none',
        url: new URL(stand.receiverUrl).origin,
        path: '/hook',
        accepted: 200,
        pid: stand.publisher.pid ?? 0,
        count: light,
      };
    },
    async relay() {
      await createRelayTables(stand);
      const { url, pid } = await start('relay');
      return {
        ...bare,
        name: 'relay',
        label: 'bare relay on Postgres',
        durability: 'event committed and synced before the answer; no retry',
        url,
        pid,
        accepted: 202,
        count: light,
        recorded: () => countRows(stand, 'relay.deliveries WHERE status = 200'),
      };
    },
    direct: async () => everhook && everhookSystem(stand, everhook, 'direct', light),
    async bullmq() {
      if (!stand.redis) return undefined;
      const { url, pid } = await start('bullmq', { REDIS_URL: stand.redis.url });
      return {
        ...bare,
        name: 'bullmq',
        label: 'BullMQ on Redis',
        durability: 'synced each second: up to a second can be lost; no history',
        url,
        pid,
        accepted: 202,
        count: light,
      };
    },
    async graphile() {
      const url = await createDatabase(stand, 'graphile');
      const server = await start('graphile', { DATABASE_URL: url });
      return {
        ...bare,
        name: 'graphile',
        label: 'graphile-worker on Postgres',
        durability: 'event committed and synced before the answer; no history',
        url: server.url,
        pid: server.pid,
        accepted: 202,
        count: light / 4,
      };
    },
    'floor-local': async () => floor(await start('floor', { FLOOR: 'local' }), 'local', heavy),
    'floor-normal': async () => floor(await start('floor', { FLOOR: 'normal' }), 'normal', heavy),
    workflow: async () => everhook && everhookSystem(stand, everhook, 'workflow', heavy),
  };
  const systems: System[] = [];
  for (const name of names) {
    const system = await make[name]();
    if (system) systems.push(system);
  }
  return systems;
}

export async function startEverhook(stand: Stand, profiles?: string): Promise<Everhook> {
  const server = await stand.startServer('everhook', { env: stand.env, ...(profiles !== undefined && { profiles }) });
  return { server, tenant: await createTenant(stand, server, 'bench') };
}

function floor({ url, pid }: ServerProcess, kind: 'local' | 'normal', count: number): System {
  return {
    ...bare,
    name: `floor-${kind}`,
    label: `bare workflow, ${kind} activity`,
    durability: "the Temporal server's; the event itself is stored nowhere",
    url,
    pid,
    accepted: 202,
    count,
  };
}

async function everhookSystem(
  stand: Stand,
  { server, tenant }: Everhook,
  lane: 'direct' | 'workflow',
  count: number,
): Promise<System> {
  const type = `bench.${lane}`;
  const settings = { lane, event_types: [type], max_in_flight: 500, max_queue_size: 1_000_000 };
  const { id } = await tenant.post('/v1/webhooks', { url: stand.receiverUrl, ...settings });
  return {
    name: lane,
    label: `Everhook, ${lane} lane`,
    durability: 'event, delivery and attempts committed and synced; retries, history and replay',
    url: server.url,
    pid: server.pid,
    path: '/v1/events',
    type,
    headers: { authorization: `Bearer ${tenant.token}` },
    accepted: 202,
    count,
    fanOut: 1,
    recorded: () => countRows(stand, "hook.deliveries WHERE webhook_id = $1 AND status = 'SUCCESS'", [id]),
  };
}

function createRelayTables({ database }: Stand): Promise<unknown> {
  return database.admin.query(`
    CREATE SCHEMA relay;
    CREATE TABLE relay.deliveries (id text PRIMARY KEY, body text NOT NULL, status integer, at timestamptz DEFAULT now());
    CREATE TABLE relay.attempts (delivery_id text, status integer, duration_ms integer, at timestamptz DEFAULT now());
    GRANT USAGE ON SCHEMA relay TO hook_worker;
    GRANT ALL ON ALL TABLES IN SCHEMA relay TO hook_worker`);
}

/** @returns how its owner connects */
async function createDatabase({ database }: Stand, name: string): Promise<string> {
  await database.admin.query(`CREATE DATABASE ${name}`);
  return database.superuser.url(name);
}
