/** Everhook with both roles in one process, as `everhook api worker` runs it. */
import { loadConfig } from '../../../src/config';
import { createContext } from '../../../src/context';
import { startService } from '../../../src/service';
import { reportReady } from '../server-process';

async function main(): Promise<void> {
  const ctx = createContext(loadConfig(), { kmsCredentials: { accessKeyId: 'bench', secretAccessKey: 'bench' } });
  const service = await startService(ctx, { roles: { api: true, worker: true } });
  await service.workerReady;
  reportReady(service.apiUrl ?? '', () => service.stop());
}

void main();
