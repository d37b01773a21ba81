/** A Redis of the measurement's own, where the machine has one. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:net';
import { startProcess } from '../../src/embedded/process';
import { choosePort } from '../../src/ports';

export interface Redis {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/** @returns undefined where there is no `redis-server` */
export async function startRedis(folder: string): Promise<Redis | undefined> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined;
  const { port } = await choosePort({ name: 'REDIS_PORT', preferred: 0, host });
  const server = await startProcess({
    name: 'Redis',
    command: 'redis-server',
    args: [
      ...`--bind ${host} --port ${port}`.split(' '),
      '--dir',
      folder,
      '--save',
      '',
      // What BullMQ's documentation asks for in production.
      ...'--appendonly yes --appendfsync everysec --maxmemory-policy noeviction'.split(' '),
    ],
    logFile: join(folder, 'redis.log'),
    parentDeathSignal: 'SIGTERM',
  });
  while (!(await accepts(port))) {
    if (server.exit()) throw new Error('Redis ended while starting');
    await pause(50);
  }
  return {
    pid: server.pid,
    url: `redis://${host}:${port}`,
    stop: () => server.stop({ signal: 'SIGTERM', graceMs: 5_000 }),
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
