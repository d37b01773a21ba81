/** One tenant's receivers hang; those of another must not notice. */
import { setTimeout as pause } from 'node:timers/promises';
import { apart, type Fault } from '../fault';
import type { Lane } from '../ledger';
import { p99Between } from '../latency';
import type { Publisher } from '../publisher';
import { until } from '../world';

const webhooks = 20;
const eventsEach = 1_000;
/** Of each webhook: together two thirds of what the others publish. */
const perSecond = 2;
const measuredMs = 60_000;

/** POSTs in flight that it may have: what a deployment of this size would give a tenant. */
const maxConcurrent = 20;

/** Times the latency without it. */
const bound = 2;

export const poison: Fault = {
  name: 'poison-tenant',
  what: `another tenant has ${webhooks} webhooks that hang, with ${eventsEach.toLocaleString('en')} events each`,
  processes: apart,
  // About half of what the suite's machine can do.
  rates: { direct: 60, workflow: 8 },
  async run({ world, steady, publish, note, expect }) {
    const { arrivals } = world.receiver;
    const calmFrom = performance.now();
    await pause(measuredMs);
    const calmTo = performance.now();

    const poisoned = await world.createTenant('poisoned', maxConcurrent);
    world.receiver.behave('/hang', () => 0);
    const makers: Publisher[] = [];
    for (let n = 0; n < webhooks; n++) {
      const lane: Lane = n % 2 === 0 ? 'direct' : 'workflow';
      const type = `poison.w${n}`;
      await world.createWebhook(poisoned, '/hang', {
        lane,
        event_types: [type],
        ttl_seconds: 60,
        retry_policy: { delays_seconds: [1, 1] },
        max_in_flight: 10,
      });
      makers.push(publish({ lane, type, perSecond, expected: 'dead', token: poisoned.token }));
    }
    await pause(5_000);
    const from = performance.now();
    await until(
      async () => makers.every(({ published }) => published.length >= eventsEach),
      'the poison to be published',
      900_000,
    );
    for (const maker of makers) await maker.stop();
    const to = performance.now();

    for (const publisher of steady) {
      const lane = publisher.published[0]?.lane ?? '';
      const [before, during] = [
        p99Between([publisher], arrivals, calmFrom, calmTo),
        p99Between([publisher], arrivals, from, to),
      ];
      note(`${lane}: p99 ${(during / before).toFixed(2)} times what it was, ${before.toFixed(0)} ms (bound ${bound})`);
      expect(during / before <= bound, `p99 of others in the ${lane} lane`);
    }
  },
};
