/** The servers that Everhook stands on end, or are away for a while. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Fault, Scene } from '../fault';
import { until, type Role, type World } from '../world';

const apart: readonly (readonly Role[])[] = [['api'], ['worker']];

async function stateOf(world: World, path: string): Promise<number> {
  const api = world.members.find(({ roles }) => roles.includes('api'));
  return (await fetch(`${api?.url}${path}`)).status;
}

/** `/ready` tells of what is away, and `/health` stays. */
async function probed({ world, note }: Scene): Promise<void> {
  await until(async () => (await stateOf(world, '/ready')) === 503, '/ready to tell', 30_000);
  note(`/ready ${await stateOf(world, '/ready')}, /health ${await stateOf(world, '/health')} meanwhile`);
}

const temporalKilled: Fault = {
  name: 'kill-temporal',
  what: 'the Temporal server is killed three times and comes back after 5 s',
  processes: apart,
  async run({ world, kill }) {
    for (let n = 0; n < 3; n++) {
      process.kill(world.temporal.pid, 'SIGKILL');
      kill('temporal');
      await pause(5_000);
      await world.startTemporal();
      await pause(5_000);
    }
  },
};

const temporalAway: Fault = {
  name: 'temporal-away',
  what: 'the Temporal server is away for 60 s',
  processes: apart,
  async run(scene) {
    const { world } = scene;
    await world.temporal.stop();
    await probed(scene);
    await pause(60_000);
    await world.startTemporal();
  },
};

const postgresKilled: Fault = {
  name: 'kill-postgres',
  what: 'Postgres is stopped at once (SIGQUIT) three times and recovers after 2 s',
  processes: apart,
  async run({ world, kill }) {
    for (let n = 0; n < 3; n++) {
      process.kill(world.postgres.pid, 'SIGQUIT');
      kill('postgres');
      await pause(2_000);
      await world.startPostgres();
      await pause(6_000);
    }
  },
};

const postgresRestarted: Fault = {
  name: 'restart-postgres',
  what: 'Postgres is restarted in order',
  processes: apart,
  async run({ world }) {
    await world.postgres.stop();
    await world.startPostgres();
  },
};

const postgresAway: Fault = {
  name: 'postgres-away',
  what: 'Postgres is away for 60 s',
  processes: apart,
  async run(scene) {
    const { world } = scene;
    await world.postgres.stop();
    await probed(scene);
    await pause(60_000);
    await world.startPostgres();
  },
};

const kmsAway: Fault = {
  name: 'kms-away',
  what: 'KMS is away for 60 s, and the worker is replaced meanwhile, so that nothing is in its memory',
  processes: apart,
  async run({ world }) {
    await world.kms.stop();
    await pause(10_000);
    await world.members.find(({ roles }) => roles.includes('worker'))?.end('SIGTERM');
    await world.spawn(['worker']);
    await pause(50_000);
    await world.startKms();
  },
};

const temporalLost: Fault = {
  name: 'temporal-lost',
  what: 'the Temporal server loses its database, and `everhook rebuild` brings back what had not ended',
  processes: apart,
  async run({ world, note }) {
    await world.temporal.stop();
    world.forgetTemporal();
    await world.startTemporal();
    note(`rebuild ended with ${await world.command('rebuild')}`);
  },
};

export const serverFaults: readonly Fault[] = [
  temporalKilled,
  temporalAway,
  postgresKilled,
  postgresRestarted,
  postgresAway,
  kmsAway,
  temporalLost,
];
