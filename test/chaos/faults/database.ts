/** Postgres is there, and does not do what it should: no connections left, locks held, sessions ended. */
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { apart, type Fault } from '../fault';
import type { World } from '../world';

async function connectAdmin(world: World): Promise<Client> {
  const client = new Client({ connectionString: world.adminUrl });
  client.on('error', () => {});
  await client.connect();
  return client;
}

const noConnections: Fault = {
  name: 'no-connections',
  what: 'others hold every connection that Postgres has for 20 s, and a worker is started meanwhile',
  processes: apart,
  async run({ world, note }) {
    const held: Client[] = [];
    try {
      for (;;) held.push(await connectAdmin(world));
    } catch {
      // None is left.
    }
    note(`${held.length} connections held`);
    await world.spawn(['worker']);
    await pause(20_000);
    for (const client of held) await client.end();
  },
};

const locked: Fault = {
  name: 'locked-tables',
  what: 'somebody holds an exclusive lock on the webhooks for 15 s, and then on the deliveries',
  processes: apart,
  async run({ world }) {
    const client = await connectAdmin(world);
    for (const table of ['hook.webhook_configs', 'hook.deliveries']) {
      await client.query('BEGIN');
      await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      await pause(15_000);
      await client.query('ROLLBACK');
      await pause(3_000);
    }
    await client.end();
  },
};

const deadlocks: Fault = {
  name: 'deadlocks',
  what: 'somebody locks the newest deliveries in the order opposite to ours, so that Postgres ends one of our statements',
  processes: apart,
  async run({ world, note, expect }) {
    const client = await connectAdmin(world);
    const before = await deadlocksIn(client);
    // Ours is the one that notices, and is ended.
    await client.query("SET deadlock_timeout = '1h'");
    for (let n = 0; n < 60; n++) {
      const { rows } = await client.query<{ id: string }>('SELECT id FROM hook.deliveries ORDER BY id DESC LIMIT 40');
      await client.query('BEGIN');
      for (const { id } of rows) {
        await client.query('SELECT 1 FROM hook.deliveries WHERE id = $1 FOR UPDATE', [id]);
        await pause(5);
      }
      await client.query('COMMIT');
    }
    const met = (await deadlocksIn(client)) - before;
    await client.end();
    note(`${met} deadlocks`);
    expect(met > 0, 'no deadlock came about');
  },
};

async function deadlocksIn(client: Client): Promise<number> {
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query<{ n: number }>(
    'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return rows[0]?.n ?? 0;
}

const sessionsEnded: Fault = {
  name: 'sessions-ended',
  what: 'every session of Everhook in Postgres is ended once a second, 20 times',
  processes: apart,
  async run({ world }) {
    for (let n = 0; n < 20; n++) {
      await world.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('hook_svc', 'hook_worker')",
      );
      await pause(1_000);
    }
  },
};

const diskFull: Fault = {
  name: 'disk-full',
  what: 'the disk of Postgres is full for 20 s',
  processes: apart,
  diskMiB: 1_024,
  async run({ world, note }) {
    const filler = join(world.diskFolder, 'filler');
    let crashed = false;
    world.postgres.onUnexpectedExit(() => (crashed = true));
    const { bavail, bsize } = statfsSync(world.diskFolder);
    execFileSync('fallocate', ['-l', String(bavail * bsize), filler]);
    await pause(20_000);
    rmSync(filler);
    // It gives up when it cannot write its log, and has to be started again.
    if (crashed) await world.startPostgres();
    note(crashed ? 'Postgres ended by itself and was started again' : 'Postgres stayed up');
  },
};

const olderBackup: Fault = {
  name: 'older-backup',
  what: 'Postgres is restored from a backup that is 10 s old, and so older than what Temporal knows',
  processes: apart,
  async run({ world, note, steady }) {
    await world.backUpPostgres();
    const from = performance.now();
    await pause(10_000);
    await world.restorePostgres();
    const to = performance.now();
    // What was accepted in between is forgotten with the database; whoever published it has to do so again.
    const forgotten = steady.flatMap(({ published }) => published).filter(({ at }) => at >= from - 2_000 && at < to);
    for (const event of forgotten) event.outcome = 'unknown';
    note(`${forgotten.length} events of that time were published again with the same ids`);
  },
};

export const databaseFaults: readonly Fault[] = [
  noConnections,
  locked,
  deadlocks,
  sessionsEnded,
  diskFull,
  olderBackup,
];
