/** `npm start`, on the built program. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { projectFolder } from '../../src/version';
import { waitFor } from './wait-for';

const main = join(projectFolder, 'dist', 'src', 'main.js');

export class Started {
  output = '';
  readonly exited: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    const collect = (chunk: Buffer): void => void (this.output += chunk.toString());
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    this.exited = new Promise((resolve) => child.on('exit', resolve));
  }

  static start(dataDir: string, env: Record<string, string> = {}): Started {
    const free = { PORT: '0', METRICS_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0' };
    const child = spawn(process.execPath, [main, 'start'], {
      env: { ...process.env, EVERHOOK_DATA_DIR: dataDir, ...free, ...env },
    });
    return new Started(child);
  }

  async ready(): Promise<this> {
    await waitFor(() => this.output.includes('Ctrl-C stops everything'), `start to be ready: ${this.output}`, 40_000);
    return this;
  }

  saw(text: string | RegExp): Promise<true> {
    return waitFor(() => this.output.search(text) >= 0 && (true as const), `${String(text)} in ${this.output}`);
  }

  /** The commands it printed, as one script. */
  firstDelivery(): string {
    const from = this.output.indexOf('  export EVERHOOK=');
    return this.output.slice(from, this.output.indexOf('The receiver prints', from));
  }

  url(name: string): string {
    return new RegExp(`${name} +(http\\S+)`).exec(this.output)?.[1] ?? '';
  }

  interrupt(): Promise<number | null> {
    this.child.kill('SIGINT');
    return this.exited;
  }

  kill(): Promise<number | null> {
    this.child.kill('SIGKILL');
    return this.exited;
  }
}
