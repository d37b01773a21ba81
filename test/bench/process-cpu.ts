/** CPU time and memory of processes, from /proc. */
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
  const ticks = tree(pid).reduce((sum, { stat }) => sum + stat.ownTicks + stat.endedTicks, 0);
  return ticks * tickMs;
}

/** The most memory that a process and its living children have held, each for itself, in bytes. */
export function peakBytesOfTree(pid: number): number {
  return tree(pid).reduce((sum, member) => sum + statusBytes(member.pid, 'VmHWM'), 0);
}

/** The memory that they hold now, in bytes. */
export function residentBytesOfTree(pid: number): number {
  return tree(pid).reduce((sum, member) => sum + statusBytes(member.pid, 'VmRSS'), 0);
}

function statusBytes(pid: number, field: string): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** A process and its children. */
function tree(pid: number): { readonly pid: number; readonly stat: Stat }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    const stat = statOf(Number(name));
    return stat && (Number(name) === pid || stat.parent === pid) ? [{ pid: Number(name), stat }] : [];
  });
}

function statOf(pid: number): Stat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
  return { parent, ownTicks: user + system, endedTicks: endedUser + endedSystem };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
