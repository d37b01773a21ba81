/** `everhook rebuild`: after Temporal's database was lost, starts what has not ended again. */
import { loadConfig } from '../config';
import { createContext } from '../context';
import { rebuild as rebuildAll } from '../outbox/rebuild';
import { createClaims } from '../store/claims';
import { createLogger } from '../telemetry/logger';

export interface RebuildOptions {
  readonly print: (line: string) => void;
  readonly stop: AbortController;
}

/** @throws StopWish when it was asked to stop, the database's error, or Temporal's */
export async function rebuild({ print, stop }: RebuildOptions): Promise<void> {
  const config = loadConfig();
  const ctx = createContext(config, { log: createLogger({ level: config.LOG_LEVEL }) });
  try {
    print(`Waiting for Temporal at ${config.TEMPORAL_ADDRESS} ...`);
    const connecting = ctx.temporal.connect();
    stop.signal.addEventListener('abort', () => void ctx.temporal.close(), { once: true });
    await connecting;
    stop.signal.throwIfAborted();

    const counts = await rebuildAll({
      claims: createClaims(ctx.workerPool),
      start: (start) => {
        stop.signal.throwIfAborted();
        return ctx.temporal.start(start);
      },
      concurrency: config.OUTBOX_START_CONCURRENCY,
      onProgress: ({ started, running, closed }) =>
        print(`${started} deliveries started, ${running} run already, ${closed} were ended by hand`),
    });
    await ctx.control.heal();
    print(`Done: ${counts.started} deliveries were started again, and control workflows where they were missing.`);
  } finally {
    await ctx.close();
  }
}
