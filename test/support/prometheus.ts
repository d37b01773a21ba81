/** The real Prometheus, where the set-up could get it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { choosePort } from '../../src/ports';
import { waitFor } from './wait-for';

export const prometheusFolder = process.env['PROMETHEUS_FOLDER'];

function program(name: 'prometheus' | 'promtool'): string {
  if (prometheusFolder === undefined) throw new Error('PROMETHEUS_FOLDER is not set; npm test sets it.');
  return join(prometheusFolder, name);
}

/** @returns what it printed @throws Error with what it printed when it ends with a failure */
export async function promtool(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program('promtool'), args);
  return stdout;
}

export interface Prometheus {
  /** Of an instant query, or whatever else `/api/v1/<path>` answers. @throws Error with Prometheus's own words */
  get<Data>(path: string, query?: Record<string, string>): Promise<Data>;
  stop(): Promise<void>;
}

/** @param config as in prometheus.yml, which may name the rule files by absolute paths */
export async function startPrometheus(config: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'everhook-prometheus-'));
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, config);
  const { port } = await choosePort({ name: 'Prometheus', preferred: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    program('prometheus'),
    [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${output}`);
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  try {
    await waitFor(isReady, 'Prometheus to be ready', 30_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async get<Data>(path: string, query: Record<string, string> = {}) {
      const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
      const body = (await answer.json()) as { status: string; error?: string; data: Data };
      if (body.status !== 'success') throw new Error(`${path} ${JSON.stringify(query)}: ${body.error}`);
      return body.data;
    },
    stop,
  };
}
