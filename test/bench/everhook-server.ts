/**
 * Everhook's API as `everhook api` runs it, but for one thing: its outbox is stopped, so that accepting is
 * measured without starting workflows. What it accepts is committed and stays claimed.
 */
import { buildApp } from '../../src/api/app';
import { loadConfig } from '../../src/config';
import { createContext } from '../../src/context';
import { reportReady } from './server-process';

async function main(): Promise<void> {
  const ctx = createContext(loadConfig());
  await ctx.outbox.stop();
  const app = await buildApp(ctx);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  reportReady(url, async () => {
    await app.close();
    await ctx.close();
  });
}

void main();
