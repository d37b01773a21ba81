/** The servers that Everhook stands on end, or are away for a while. */
import { setTimeout as pause } from 'node:timers/promises';
import { apart, type Fault, type Scene } from '../fault';
import { replaceWorker, until, type World } from '../world';

async function stateOf(world: World, path: string): Promise<number> {
  const api = world.members.find(({ roles }) => roles.includes('api'));
  return (await fetch(`${api?.url}${path}`)).status;
}

/** `/ready` tells of what is away, and `/health` stays. */
async function probed({ world, note, expect }: Scene): Promise<void> {
  await until(async () => (await stateOf(world, '/ready')) === 503, '/ready to tell', 30_000);
  const health = await stateOf(world, '/health');
  note(`/ready ${await stateOf(world, '/ready')}, /health ${health} meanwhile`);
  expect(health === 200, `/health answered ${health}`);
}

interface Server {
  readonly name: 'temporal' | 'postgres';
  readonly label: string;
  readonly start: (world: World) => Promise<void>;
}

const temporal: Server = { name: 'temporal', label: 'the Temporal server', start: (world) => world.startTemporal() };
const postgres: Server = { name: 'postgres', label: 'Postgres', start: (world) => world.startPostgres() };

/** @param goneMs how long it is gone each time @param livesMs how long it is there again before the next time */
function killed({ name, label, start }: Server, signal: 'SIGKILL' | 'SIGQUIT', goneMs: number, livesMs: number): Fault {
  return {
    name: `kill-${name}`,
    what: `${label} is ended at once (${signal}) three times and comes back after ${goneMs / 1000} s`,
    processes: apart,
    async run({ world, kill }) {
      for (let n = 0; n < 3; n++) {
        process.kill(world[name].pid, signal);
        kill();
        await pause(goneMs);
        await start(world);
        await pause(livesMs);
      }
    },
  };
}

function away({ name, label, start }: Server): Fault {
  return {
    name: `${name}-away`,
    what: `${label} is away for 60 s`,
    processes: apart,
    resumesWithin: 60,
    async run(scene) {
      await scene.world[name].stop();
      await probed(scene);
      await pause(60_000);
      await start(scene.world);
    },
  };
}

const postgresRestarted: Fault = {
  name: 'restart-postgres',
  what: 'Postgres is restarted in order',
  processes: apart,
  async run({ world }) {
    await world.postgres.stop();
    await world.startPostgres();
  },
};

const kmsAway: Fault = {
  name: 'kms-away',
  what: 'KMS is away for 60 s, and the worker is replaced meanwhile, so that nothing is in its memory',
  processes: apart,
  resumesWithin: 60,
  async run({ world }) {
    await world.kms.stop();
    await pause(10_000);
    await replaceWorker(world);
    await pause(50_000);
    await world.startKms();
  },
};

const throttled = '{"__type":"ThrottlingException","message":"Rate exceeded"}';

const kmsThrottled: Fault = {
  name: 'kms-throttled',
  what: 'KMS answers ThrottlingException for 30 s to a worker that has nothing in its memory',
  processes: apart,
  async run({ world }) {
    world.links.kms.answer(
      `HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\n` +
        `content-length: ${throttled.length}\r\n\r\n${throttled}`,
    );
    await replaceWorker(world);
    await pause(30_000);
    world.links.kms.heal();
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
  killed(temporal, 'SIGKILL', 5_000, 5_000),
  away(temporal),
  killed(postgres, 'SIGQUIT', 2_000, 6_000),
  postgresRestarted,
  away(postgres),
  kmsAway,
  kmsThrottled,
  temporalLost,
];
