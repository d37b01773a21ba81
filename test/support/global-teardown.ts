/** Ends what global-setup started, once, however many projects name it. */
import { rmSync } from 'node:fs';

export default async function tearDown(): Promise<void> {
  const servers = globalThis.everhookTestServers;
  if (!servers) return;
  globalThis.everhookTestServers = undefined;
  await Promise.all(servers.stops.map((stop) => stop()));
  rmSync(servers.folder, { recursive: true, force: true });
}
