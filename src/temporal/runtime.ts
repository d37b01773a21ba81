/** The Temporal SDK's native runtime: its logs go to ours, its metrics to a port that our metrics server reads. */
import { Runtime, type LogLevel } from '@temporalio/worker';
import { SenderClosed } from '../delivery/http-sender';
import type { Logger } from '../telemetry/logger';

const levels: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

function isGivenUp(meta: Record<string | symbol, unknown> | undefined): boolean {
  return meta?.['error'] instanceof SenderClosed;
}

/** Once per process, before the first connection. */
export function installRuntime(log: Logger, metricsAddress: string): void {
  const write = (level: LogLevel, message: string, meta?: Record<string | symbol, unknown>): void => {
    // The SDK is talkative at INFO about every start and stop of a worker, and warns of each dead letter,
    // which is reported where it is recorded, and of attempts that a stop gives up.
    if (level === 'INFO' || message === 'Workflow failed' || isGivenUp(meta))
      log.debug({ event: 'temporal.sdk', ...meta }, message);
    else log[levels[level]]({ event: 'temporal.sdk', ...meta }, message);
  };
  Runtime.install({
    // We stop workers ourselves, in order.
    shutdownSignals: [],
    logger: {
      log: write,
      trace: (message, meta) => write('TRACE', message, meta),
      debug: (message, meta) => write('DEBUG', message, meta),
      info: (message, meta) => write('INFO', message, meta),
      warn: (message, meta) => write('WARN', message, meta),
      error: (message, meta) => write('ERROR', message, meta),
    },
    telemetryOptions: {
      logging: { forward: {}, filter: 'WARN' },
      metrics: { prometheus: { bindAddress: metricsAddress } },
    },
  });
}
