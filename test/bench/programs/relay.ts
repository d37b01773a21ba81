/**
 * The bound of the direct lane: what any relay that stores what it accepts has to do, and nothing else. Accept
 * over bare node:http, one group-committed insert of event and delivery, POST by undici, result rows in batches.
 * No credentials, no validation, no signature, no gates, no Temporal.
 */
import { newId } from '../../../src/domain/ids';
import { Grouped } from '../../../src/grouped';
import { createPool } from '../../../src/store/pool';
import { serveAccept } from './accept-server';
import { closeAgent, post } from './post';

interface Accepted {
  readonly id: string;
  readonly body: string;
}

interface Result {
  readonly id: string;
  readonly status: number;
  readonly durationMs: number;
}

const { DATABASE_WORKER_URL: databaseUrl = '' } = process.env;

const pool = createPool({ url: databaseUrl, name: 'relay', min: 5, max: 20, onLost: () => undefined });

const accepted = new Grouped<Accepted, void>({
  maxBatch: 200,
  maxUnderWay: 3,
  async work(events) {
    await pool.query({
      name: 'accept',
      text: `INSERT INTO relay.deliveries (id, body) SELECT * FROM unnest($1::text[], $2::text[])`,
      values: [events.map(({ id }) => id), events.map(({ body }) => body)],
    });
    return events.map(() => undefined);
  },
});

const results = new Grouped<Result, void>({
  maxBatch: 500,
  maxUnderWay: 2,
  async work(done) {
    await pool.query({
      name: 'result',
      text: `WITH made AS (
               INSERT INTO relay.attempts (delivery_id, status, duration_ms)
               SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[]) RETURNING delivery_id, status
             )
             UPDATE relay.deliveries d SET status = made.status FROM made WHERE d.id = made.delivery_id`,
      values: [done.map(({ id }) => id), done.map(({ status }) => status), done.map(({ durationMs }) => durationMs)],
    });
    return done.map(() => undefined);
  },
});

async function deliver({ id, body }: Accepted): Promise<void> {
  const startedAt = performance.now();
  const status = await post(id, body);
  await results.add({ id, status, durationMs: Math.round(performance.now() - startedAt) });
}

serveAccept(
  async (body) => {
    const event = { id: newId(), body };
    await accepted.add(event);
    deliver(event).catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  },
  async () => {
    await closeAgent();
    await pool.end();
  },
);
