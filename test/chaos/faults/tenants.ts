/** One tenant burdens the system; what it does must not be felt by others, and nothing may be lost of its own. */
import { setTimeout as pause } from 'node:timers/promises';
import { request } from 'undici';
import { apart, type Fault } from '../fault';
import type { Behaviour } from '../receiver';
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

const answer =
  (statusOf: (attempt: number) => number): Behaviour =>
  ({ attempt }, response) => {
    const status = statusOf(attempt);
    response.writeHead(status).end();
    return status;
  };

/** State changes of webhooks while their deliveries are retried. */
const changes: Fault = {
  name: 'changes',
  what: 'deliveries fail twice, and their webhooks are paused, resumed and given new secrets again and again; one is deleted',
  processes: apart,
  async run({ world, tenant, publish }) {
    const rows = await world.query<{ id: string }>('SELECT id FROM hook.webhook_configs WHERE tenant_id = $1', [
      tenant.id,
    ]);
    world.receiver.behave(
      '/ok',
      answer((attempt) => (attempt < 3 ? 503 : 204)),
    );
    world.receiver.behave(
      '/doomed',
      answer(() => 503),
    );
    const doomed = await world.createWebhook(tenant, '/doomed', { lane: 'direct', event_types: ['changes.doomed'] });
    publish({ lane: 'direct', type: 'changes.doomed', perSecond: 5, expected: 'dead' });
    for (let round = 0; round < 5; round++) {
      for (const { id } of rows) await world.post(tenant.token, `/v1/webhooks/${id}/pause`);
      await pause(2_000);
      for (const { id } of rows) {
        const { secret } = await world.post(tenant.token, `/v1/webhooks/${id}/rotate-secret`, { force: true });
        world.receiver.trust(id, String(secret));
        await world.post(tenant.token, `/v1/webhooks/${id}/resume`);
      }
      if (round === 2) await world.delete(tenant.token, `/v1/webhooks/${doomed}`);
      await pause(2_000);
    }
    world.receiver.behave(
      '/ok',
      answer(() => 204),
    );
  },
};

export const tenantFaults: readonly Fault[] = [burst, storm, changes];
