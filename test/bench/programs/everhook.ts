/** Everhook with both roles in one process, as `everhook api worker` runs it. */
import { loadConfig } from '../../../src/config';
import { createContext } from '../../../src/context';
import { choosePort } from '../../../src/ports';
import { startService } from '../../../src/service';
import { createLogger } from '../../../src/telemetry/logger';
import { installRuntime } from '../../../src/temporal/runtime';
import { reportReady } from '../server-process';

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLogger({ level: config.LOG_LEVEL });
  const { port } = await choosePort({ name: "the SDK's metrics", preferred: 0, host: '127.0.0.1' });
  installRuntime(log, `127.0.0.1:${port}`);
  const ctx = createContext(config, { log });
  const service = await startService(ctx, { roles: { api: true, worker: true } });
  await service.workerReady;
  const { registry } = ctx.telemetry.metrics;
  reportReady(
    service.apiUrl ?? '',
    () => service.stop(),
    () => registry.metrics(),
  );
}

void main();
