/** Signals a child together with everything it started: npm, Go and Maven all work through children of their own. */
import { spawnSync } from 'node:child_process';

/** @param pid of a child spawned with `detached`, which makes it the leader of a group */
export function killGroup(pid, signal) {
  try {
    if (process.platform === 'win32') spawnSync('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' });
    else process.kill(-pid, signal);
  } catch {
    // The group ended by itself.
  }
}

export function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

export function groupIsAlive(pid) {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 0);
    return true;
  } catch {
    return false;
  }
}
