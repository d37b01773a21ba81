/** The environment of a process that works on the same database, Temporal server and KMS as a test system. */
import type { TestSystem } from './system';

export function environmentOf(system: TestSystem, env: Record<string, string> = {}): Record<string, string> {
  const settings = Object.entries(system.ctx.config).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(',') : value,
  ]);
  return {
    PATH: String(process.env['PATH']),
    AWS_ACCESS_KEY_ID: 'emulator',
    AWS_SECRET_ACCESS_KEY: 'emulator',
    ...Object.fromEntries(settings.map(([name, value]) => [name, String(value)])),
    LOG_LEVEL: 'info',
    PORT: '0',
    METRICS_PORT: '0',
    ...env,
  };
}
