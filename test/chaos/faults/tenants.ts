/** One tenant burdens the system; what it does must not be felt by others, and nothing may be lost of its own. */
import { setTimeout as pause } from 'node:timers/promises';
import { request } from 'undici';
import { apart, type Fault } from '../fault';
import { until } from '../world';

const burstEvents = 100_000;

const burst: Fault = {
  name: 'burst',
  what: `another webhook of the tenant gets ${burstEvents.toLocaleString('en')} events as fast as they are taken`,
  processes: apart,
  async run({ world, tenant, publish }) {
    await world.createWebhook(tenant, '/ok', { lane: 'direct', event_types: ['burst.direct'], max_in_flight: 200 });
    const publisher = publish({ lane: 'direct', type: 'burst.direct', perSecond: 2_000 });
    await until(async () => publisher.published.length >= burstEvents, 'the burst to be published', 600_000);
    await publisher.stop();
  },
};

/** The same events are published by five producers at once. */
const storm: Fault = {
  name: 'duplicate-storm',
  what: 'every event is published five times more at the same moment',
  processes: apart,
  async run({ world, tenant, note, expect }) {
    let answered = 0;
    const ids = new Set<string>();
    for (let n = 0; n < 200; n++) {
      const body = JSON.stringify({ id: `storm-${n}`, type: 'storm.nobody', payload: { n } });
      const answers = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const answer = await request(`${world.apiUrl()}/v1/events`, {
            method: 'POST',
            headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
            body,
          });
          return { status: answer.statusCode, text: await answer.body.text() };
        }),
      );
      answered += answers.filter(({ status }) => status === 202 || status === 200).length;
      for (const { text } of answers) ids.add((JSON.parse(text) as { data: { event_id: string } }).data.event_id);
    }
    const [row] = await world.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM hook.events WHERE tenant_id = $1 AND type = 'storm.nobody'",
      [tenant.id],
    );
    note(`${answered} of 1,200 answered, ${ids.size} ids, ${row?.n} events kept`);
    expect(answered === 1_200 && row?.n === 200, 'an event was refused or kept twice');
  },
};

/** State changes of a webhook while its deliveries are retried. */
const changes: Fault = {
  name: 'changes',
  what: 'the webhooks are paused and resumed, and their secrets rotated, again and again',
  processes: apart,
  async run({ world, tenant }) {
    const rows = await world.query<{ id: string }>('SELECT id FROM hook.webhook_configs WHERE tenant_id = $1', [
      tenant.id,
    ]);
    for (let round = 0; round < 5; round++) {
      for (const { id } of rows) await world.post(tenant.token, `/v1/webhooks/${id}/pause`);
      await pause(2_000);
      for (const { id } of rows) {
        const { secret } = await world.post(tenant.token, `/v1/webhooks/${id}/rotate-secret`);
        world.receiver.trust(id, String(secret));
        await world.post(tenant.token, `/v1/webhooks/${id}/resume`);
      }
      await pause(2_000);
    }
  },
};

export const tenantFaults: readonly Fault[] = [burst, storm, changes];
