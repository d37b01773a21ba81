/** Incidents that are played: what is broken, for how long, and what is to be learnt from it. */
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { World } from './world';

export interface Drill {
  /** Of its postmortem's file. */
  readonly slug: string;
  readonly title: string;
  /** Sentences of the postmortem that no machine can write. */
  readonly cause: string;
  readonly analysis: string;
  readonly remediation: readonly string[];
  /** @returns what mends it */
  begin(world: World, replaceAll: () => Promise<void>): Promise<() => Promise<void>>;
}

const connections: Drill = {
  slug: 'drill-connections-exhausted',
  title: 'another service holds every connection to Postgres',
  cause:
    'A job of another service on the same Postgres opened connections until `max_connections` was reached, and our processes were replaced by a deployment at that moment: the new ones could open none.',
  analysis:
    'Nothing reserves connections for Everhook: `max_connections` is shared by all roles. Processes that keep running keep the connections that they have, so that the fault shows only when something restarts. The API answered 503 meanwhile, and producers published again with the same ids, as they are told to.',
  remediation: [
    'give other services a role with a `CONNECTION LIMIT`, so that the sum of all limits is below `max_connections` ([capacity-planning.md](../capacity-planning.md#connections-to-postgres))',
    'alert on `pg_stat_activity` near `max_connections` at the database itself, before anybody is refused',
  ],
  async begin(world, replaceAll) {
    const held: Client[] = [];
    const hold = async (): Promise<void> => {
      try {
        for (;;) {
          const client = new Client({ connectionString: world.adminUrl });
          client.on('error', () => {});
          await client.connect();
          held.push(client);
        }
      } catch {
        // None is left for now; what our processes give back as they end is taken as well.
      }
    };
    const over = new AbortController();
    const holding = (async () => {
      while (!over.signal.aborted) {
        await hold();
        await pause(200);
      }
    })();
    await replaceAll();
    return async () => {
      over.abort();
      await holding;
      for (const client of held) await client.end();
    };
  },
};

const temporalAway: Drill = {
  slug: 'drill-temporal-away',
  title: 'Temporal is away',
  cause: 'The Temporal server was ended (SIGKILL) and not started again until somebody did.',
  analysis:
    'One server, nobody to start it again. Events were accepted and the direct lane went on delivering meanwhile, since neither asks Temporal; whatever needed a workflow waited in Postgres.',
  remediation: [
    'run at least two of each of Temporal’s services, started again by the platform',
    'tell producers beforehand that the workflow lane is late when Temporal is away, and the direct lane is not',
  ],
  begin(world) {
    process.kill(world.temporal.pid, 'SIGKILL');
    return Promise.resolve(() => world.startTemporal());
  },
};

export const drills: readonly Drill[] = [connections, temporalAway];
