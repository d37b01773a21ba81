import type { Telemetry } from '../../../src/telemetry/events';
import { createLogger } from '../../../src/telemetry/logger';
import { createMetrics } from '../../../src/telemetry/metrics';

/** Real telemetry whose log lines are kept: `lines` as they were written, `entries` parsed. */
export function createMemoryTelemetry(level = 'trace') {
  const lines: string[] = [];
  const log = createLogger({ level, destination: { write: (line: string) => void lines.push(line) } });
  const telemetry: Telemetry = { log, metrics: createMetrics() };

  const entries = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  /** The value of a counter or gauge; undefined when it has no series with these labels. */
  const metric = async (name: string, labels: Record<string, string> = {}): Promise<number | undefined> => {
    const found = (await telemetry.metrics.registry.getMetricsAsJSON()).find((one) => one.name === name);
    const series = found?.values as { value: number; labels: Record<string, string> }[] | undefined;
    return series?.find((one) => Object.entries(labels).every(([label, value]) => String(one.labels[label]) === value))
      ?.value;
  };

  return { telemetry, lines, entries, metric };
}
