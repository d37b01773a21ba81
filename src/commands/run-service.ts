/** Runs a service until a signal or a failure ends it, and ends it in order. Shared by all commands that serve. */
import { collectDefaultMetrics } from 'prom-client';
import { choosePort } from '../ports';
import type { Config } from '../config';
import { createContext, type ContextOverrides } from '../context';
import { startService, type Roles } from '../service';
import { startTracing } from '../telemetry/tracing';
import { startMetricsServer } from '../telemetry/metrics-server';
import type { Logger } from '../telemetry/logger';
import { installRuntime } from '../temporal/runtime';

export interface RunOptions {
  readonly config: Config;
  readonly roles: Roles;
  readonly overrides: ContextOverrides & Required<Pick<ContextOverrides, 'log'>>;
  /** Aborted when the user or the platform wants the process to end; its reason is an Error for a failure. */
  readonly signal: AbortSignal;
  readonly onReady?: (urls: { apiUrl: string | undefined; metricsUrl: string }) => void;
}

/** @throws Error when the service could not start or a part of it failed; everything is stopped then */
export async function runService({ config, roles, overrides, signal, onReady }: RunOptions): Promise<void> {
  const sdkMetrics = await choosePort({ name: 'the Temporal SDK metrics', preferred: 0, host: '127.0.0.1' });
  const sdkMetricsAddress = `127.0.0.1:${sdkMetrics.port}`;
  installRuntime(overrides.log, sdkMetricsAddress);

  const stopTracing = tracingOf(config, overrides.log);
  const ctx = createContext(config, overrides);
  collectDefaultMetrics({ register: ctx.telemetry.metrics.registry });
  const service = await startService(ctx, { roles });
  try {
    const metrics = await startMetricsServer({
      host: config.HOST,
      port: config.METRICS_PORT,
      metrics: ctx.telemetry.metrics,
      health: ctx.health,
      temporalMetricsUrl: `http://${sdkMetricsAddress}/metrics`,
    });
    try {
      const ended = Promise.race([aborted(signal), service.failed]);
      await Promise.race([service.workerReady, ended]);
      if (!signal.aborted) onReady?.({ apiUrl: service.apiUrl, metricsUrl: metrics.url });
      await ended;
    } finally {
      await metrics.stop();
    }
  } finally {
    await service.stop();
    await stopTracing?.();
  }
}

function tracingOf(config: Config, log: Logger): (() => Promise<void>) | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName } = config;
  if (endpoint === undefined) return undefined;
  return startTracing({ log, endpoint, serviceName, sampled: config.OTEL_TRACES_SAMPLER_ARG });
}

/** Resolves for a wish to stop, rejects for a failure. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => (signal.reason instanceof StopWish ? resolve() : reject(signal.reason as Error));
    if (signal.aborted) settle();
    else signal.addEventListener('abort', settle, { once: true });
  });
}

/** The reason of an abort that is no failure. */
export class StopWish extends Error {
  constructor(readonly signalName: string) {
    super(`stopped by ${signalName}`);
  }
}
