/**
 * The folder for what several checkouts share: the Temporal servers.
 * EVERHOOK_CACHE_DIR moves it; by default it is where the platform keeps caches.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export function cacheFolder(env = process.env) {
  if (env.EVERHOOK_CACHE_DIR) return resolve(env.EVERHOOK_CACHE_DIR);
  if (env.XDG_CACHE_HOME) return join(resolve(env.XDG_CACHE_HOME), 'everhook');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'everhook');
  if (process.platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'everhook');
  return join(homedir(), '.cache', 'everhook');
}
