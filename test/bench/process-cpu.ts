/** CPU time of processes, from /proc. */
import { readFileSync, readdirSync } from 'node:fs';

/** Linux counts in hundredths of a second. */
const tickMs = 10;

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that have ended and were waited for. */
  readonly endedTicks: number;
}

/** User and system time so far, in milliseconds. */
export function cpuMsOf(pid: number): number {
  return (statOf(pid)?.ownTicks ?? 0) * tickMs;
}

/** The same of a process with its children, also those that have ended. */
export function cpuMsOfTree(pid: number): number {
  const own = statOf(pid);
  let ticks = (own?.ownTicks ?? 0) + (own?.endedTicks ?? 0);
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat?.parent === pid) ticks += stat.ownTicks + stat.endedTicks;
  }
  return ticks * tickMs;
}

function statOf(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
  return { parent, ownTicks: user + system, endedTicks: endedUser + endedSystem };
}
