/** The network between Everhook and its servers, or the receivers, is slow, silent or broken. */
import { setTimeout as pause } from 'node:timers/promises';
import { apart, type Fault } from '../fault';
import type { Link } from '../link';
import { replaceWorker, type World } from '../world';

type LinkName = keyof World['links'];

const names: Record<LinkName, string> = {
  postgres: 'Postgres',
  temporal: 'Temporal',
  kms: 'KMS',
  receiver: 'the receivers',
};

function broken(link: LinkName, kind: string, what: string, seconds: number, act: (link: Link) => void): Fault {
  return {
    name: `${link}-${kind}`,
    what: `the link to ${names[link]} ${what} for ${seconds} s`,
    processes: apart,
    async run({ world }) {
      act(world.links[link]);
      // What it has in its memory needs no KMS.
      if (link === 'kms') await replaceWorker(world);
      await pause(seconds * 1000);
      world.links[link].heal();
    },
  };
}

export const linkFaults: readonly Fault[] = (['postgres', 'temporal', 'kms', 'receiver'] as const).flatMap((link) => [
  broken(link, 'slow', 'takes 250 ms longer each way', 20, (one) => one.delay(250)),
  broken(link, 'silent', 'swallows everything', 20, (one) => one.silence()),
  broken(link, 'reset', 'resets every connection', 10, (one) => one.reset()),
]);
