/** `everhook api`, `everhook worker`, or both: production rules, no embedded parts. */
import { loadConfig } from '../config';
import type { Roles } from '../service';
import { createLogger } from '../telemetry/logger';
import { runService } from './run-service';

export async function serve(roles: Roles, stop: AbortController): Promise<void> {
  const config = loadConfig();
  const log = createLogger({ level: config.LOG_LEVEL });
  await runService({
    config,
    roles,
    overrides: { log },
    signal: stop.signal,
    onReady: (urls) => log.info({ event: 'service.ready', roles, ...urls }),
  });
}
