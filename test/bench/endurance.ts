/**
 * `npm run bench:endurance`: what a long run does to memory in both lanes, what deliveries cost that wait, and what
 * becomes of events while Temporal is away.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../../src/version';
import { memoryLine } from './endurance/memory';
import { outageLines } from './endurance/outage';
import { waitingLines } from './endurance/waiting';
import { startEverhook, type Everhook } from './lanes/systems';
import { startStand, type Stand } from './stand';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const scale = flags.quick ? 20 : 1;

const parts: Record<string, (stand: Stand, everhook: Everhook) => Promise<string[]>> = {
  direct: async (stand, everhook) => [await memoryLine(stand, everhook, 'direct', 100_000 / scale)],
  workflow: async (stand, everhook) => [await memoryLine(stand, everhook, 'workflow', 10_000 / scale)],
  waiting: (stand, everhook) => waitingLines(stand, everhook, { waiting: 10_000 / scale, beside: 1_000 / scale }),
  outage: (stand, everhook) => outageLines(stand, everhook, { much: 5_000 / scale, little: 100 / scale }),
};

async function main(): Promise<void> {
  const names = flags.only?.split(',') ?? Object.keys(parts);
  const lines: string[] = [];
  for (const name of names) {
    const part = parts[name];
    if (!part) throw new Error(`--only: no part ${name}; there are ${Object.keys(parts).join(', ')}`);
    // Each has a system of its own: what one leaves behind must not weigh on the next.
    const stand = await startStand();
    try {
      const found = await part(stand, await startEverhook(stand));
      lines.push(...found);
      process.stdout.write(`${found.join('\n')}\n`);
    } finally {
      await stand.stop();
    }
  }
  if (flags.quick || flags.only !== undefined) return;
  const folder = join(projectFolder, 'docs', 'performance');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'endurance.md'), `${lines.map((line) => `- ${line}`).join('\n')}\n`);
}

void main();
