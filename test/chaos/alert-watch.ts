/** When the alerts of deploy/prometheus begin to fire and end, as a real Prometheus says that scrapes our processes. */
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { alertsFile } from '../support/monitoring';
import { startPrometheus, type Prometheus } from '../support/prometheus';

export interface AlertTime {
  readonly name: string;
  /** By the clock. */
  readonly firedAt: Date;
  endedAt: Date | undefined;
}

interface AlertsAnswer {
  readonly alerts: readonly { readonly state: string; readonly labels: Readonly<Record<string, string>> }[];
}

const everyMs = 2_000;

export class AlertWatch {
  /** In the order in which they fired. */
  readonly times: AlertTime[] = [];
  private stopped = false;
  private readonly watching: Promise<void>;

  private constructor(private readonly prometheus: Prometheus) {
    this.watching = this.watch();
  }

  /** @param targets host:port of each process's metrics */
  static async start(targets: readonly string[]): Promise<AlertWatch> {
    const config = {
      global: { scrape_interval: '5s', evaluation_interval: '5s' },
      rule_files: [alertsFile],
      scrape_configs: [{ job_name: 'everhook', static_configs: [{ targets }] }],
    };
    return new AlertWatch(await startPrometheus(stringify(config)));
  }

  get isQuiet(): boolean {
    return this.times.every(({ endedAt }) => endedAt !== undefined);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.watching;
    await this.prometheus.stop();
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      const { alerts } = await this.prometheus.get<AlertsAnswer>('alerts');
      const firing = new Set(
        alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? ''),
      );
      const now = new Date();
      for (const time of this.times) if (!time.endedAt && !firing.has(time.name)) time.endedAt = now;
      for (const name of firing) {
        if (!this.times.some((time) => time.name === name && !time.endedAt)) {
          this.times.push({ name, firedAt: now, endedAt: undefined });
        }
      }
      await pause(everyMs);
    }
  }
}
