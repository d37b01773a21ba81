/** Half an hour in which nothing breaks but three receivers in ten: nothing may pile up in the processes. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { apart, type Fault } from '../fault';

const minutes = 30;
const failing = 0.3;

/** The first minutes warm up. */
const warmMinutes = 5;

/** What a collection or a connection more or less makes. */
const memoryGrowth = 1.25;
const filesGrowth = 20;

interface Held {
  readonly memory: number;
  readonly files: number;
}

const mib = 1_048_576;

export const soak: Fault = {
  name: 'soak',
  what: `three in ten requests are answered 503, for ${minutes} minutes`,
  processes: apart,
  rates: { direct: 20, workflow: 8 },
  async run({ world, note, expect }) {
    world.receiver.behave('/ok', ({ deliveryId, attempt }, response) => {
      // By id and attempt, so that no delivery fails for ever.
      const status = attempt < 6 && shareOf(`${deliveryId} ${attempt}`) < failing ? 503 : 204;
      response.writeHead(status).end();
      return status;
    });
    const first = new Map<string, Held>();
    for (let minute = 1; minute <= minutes; minute++) {
      await pause(60_000);
      if (minute === warmMinutes)
        for (const { roles, child } of world.members) first.set(roles.join(), heldBy(child.pid));
    }
    for (const { roles, child } of world.members) {
      const [before, after] = [first.get(roles.join()), heldBy(child.pid)];
      if (!before) continue;
      note(
        `${roles.join()}: resident ${(before.memory / mib).toFixed(0)} → ${(after.memory / mib).toFixed(0)} MiB, ` +
          `open files ${before.files} → ${after.files}`,
      );
      expect(after.memory <= before.memory * memoryGrowth, `memory of ${roles.join()} grew`);
      expect(after.files <= before.files + filesGrowth, `open files of ${roles.join()} grew`);
    }
    world.receiver.behave('/ok', (_arrival, response) => {
      response.writeHead(204).end();
      return 204;
    });
  },
};

function heldBy(pid: number | undefined): Held {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { memory: Number(kilobytes) * 1024, files: readdirSync(`/proc/${pid}/fd`).length };
}

/** Evenly spread from 0 to 1, and for each attempt anew. */
function shareOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32;
}
