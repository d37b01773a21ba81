/**
 * `npm run bench:fairness`: what a webhook whose receiver hangs does to the others. Twenty webhooks of one tenant get
 * events at half of the highest rate that this run measures; in every other round one of them hangs for its whole
 * timeout. What counts is how much longer the events of the other nineteen are on their way, at the 99th percentile.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import type { Arrivals } from './programs/receiver';
import type { ServerProcess } from './server-process';
import { ask, countRows, createTenant, startStand, until, type Caller, type Stand } from './stand';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, lane: { type: 'string', default: 'workflow' } },
});
const size = flags.quick ? { events: 100, rounds: 1, seconds: 3 } : { events: 1_500, rounds: 5, seconds: 20 };
const webhooks = 20;

/** For everything to come to its end. */
const limitMs = 120_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const stand = await startStand();
  try {
    const everhook = await stand.startServer('everhook', { env: stand.env });
    const tenant = await createTenant(stand, everhook, 'fair');
    for (let n = 0; n < webhooks; n++) await createWebhook(tenant, n, stand.receiverUrl);
    const hanging = await createWebhook(tenant, webhooks, stand.receiverUrl.replace('/hook', '/hang'));
    await run(stand, everhook, tenant, hanging);
  } finally {
    await stand.stop();
  }
}

async function run(stand: Stand, everhook: ServerProcess, tenant: Caller, hanging: string): Promise<void> {
  const pool = new Pool(everhook.url, { connections: 64, pipelining: 1 });
  const publish = async (webhook: number): Promise<void> => {
    const answer = await pool.request({
      method: 'POST',
      path: '/v1/events',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tenant.token}` },
      body: JSON.stringify({ type: `bench.w${webhook}`, payload: { at: Date.now() } }),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 202) throw new Error(`${answer.statusCode} ${text}`);
  };
  const highest = await highestRate(stand, publish);
  const rate = highest / 2;
  say(`highest rate ${highest.toFixed(0)}/s; measured at ${rate.toFixed(0)}/s`);

  const ratios: number[] = [];
  for (let round = 1; round <= size.rounds; round++) {
    const without = await atRate(stand, rate, publish, webhooks - 1);
    const withHanging = await atRate(stand, rate, publish, webhooks);
    ratios.push(withHanging.p99Ms / without.p99Ms);
    const line = ({ p50Ms, p99Ms }: Arrivals): string => `p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`;
    say(`round ${round}: all answer: ${line(without)}; one hangs: ${line(withHanging)}`);
    // What hangs has its retries and waits behind it; the next round begins without them.
    await tenant.post(`/v1/webhooks/${hanging}/disable`);
    await settled(stand);
    await tenant.post(`/v1/webhooks/${hanging}/enable`);
  }
  ratios.sort((a, b) => a - b);
  const median = ratios[Math.floor(ratios.length / 2)] ?? 0;
  say(
    `p99 with one of ${webhooks} hanging ÷ without: ${median.toFixed(2)} (${ratios[0]?.toFixed(2)}–${ratios.at(-1)?.toFixed(2)}), target: at most 2`,
  );
  await pool.close();
}

/** Deliveries per second, from the first event to the last record, in a closed loop of 64. */
async function highestRate(stand: Stand, publish: (webhook: number) => Promise<void>): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const loop = async (): Promise<void> => {
    while (next < size.events) await publish(next++ % webhooks);
  };
  await Promise.all(Array.from({ length: 64 }, loop));
  await settled(stand);
  return size.events / ((performance.now() - startedAt) / 1000);
}

/** Events at even times for the webhooks in turn; the last of them is `last`, which hangs or not. */
async function atRate(
  stand: Stand,
  rate: number,
  publish: (webhook: number) => Promise<void>,
  last: number,
): Promise<Arrivals> {
  await ask(stand.receiver, 'reset');
  const events = Math.round(rate * size.seconds);
  const startedAt = performance.now();
  const underWay: Promise<void>[] = [];
  for (let n = 0; n < events; n++) {
    const due = startedAt + (n * 1000) / rate;
    if (due > performance.now()) await pause(due - performance.now());
    const webhook = n % webhooks;
    underWay.push(publish(webhook === webhooks - 1 ? last : webhook));
  }
  await Promise.all(underWay);
  const expected = last === webhooks ? events - Math.floor(events / webhooks) : events;
  await until(
    async () => (await ask<Arrivals>(stand.receiver, 'count')).all >= expected,
    'all others to have arrived',
    limitMs,
  );
  return ask<Arrivals>(stand.receiver, 'count');
}

async function settled(stand: Stand): Promise<void> {
  const open = "hook.deliveries WHERE status NOT IN ('SUCCESS', 'CANCELLED', 'DEAD_LETTER')";
  await until(async () => (await countRows(stand, open)) === 0, 'everything to have ended', limitMs);
}

async function createWebhook(tenant: Caller, n: number, url: string): Promise<string> {
  const { id } = await tenant.post('/v1/webhooks', { url, event_types: [`bench.w${n}`], lane: flags.lane });
  return id ?? '';
}

void main();
