/** What a tenant's webhooks hear about its other webhooks and its dead letters. */
import type { Arrival, Receiver } from '../support/receiver';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

let system: TestSystem;
let tenant: TestTenant;
let subscriber: Receiver;
let receiver: Receiver;
let webhookId: string;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, env: { OUTBOX_CLAIM_MS: '5000', RETRY_WORKER_INTERVAL_MS: '200' } });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
  subscriber = await system.startReceiver();
  receiver = await system.startReceiver();
  webhookId = (
    await system.createWebhook(tenant, {
      url: receiver.url,
      // It is not told about itself, although it asks to be.
      event_types: ['*', 'everhook.*'],
      retry_policy: { delays_seconds: [] },
    })
  ).id;
});

afterAll(() => system.stop());

const subscribe = (types: string[], settings: object = {}) =>
  system.createWebhook(tenant, { url: subscriber.url, event_types: types, ...settings });
const change = (action: string, body: object = {}): Promise<ApiAnswer> =>
  system.call('POST', `/v1/webhooks/${webhookId}/${action}`, { token: tenant.token, body });
const bodyOf = ({ body }: Arrival) => JSON.parse(body) as { type: string; timestamp: string; data: object };
const heard = (): { type: string; timestamp: string; data: object }[] => subscriber.arrivals.map(bodyOf);
const hears = (count: number) => waitFor(() => subscriber.arrivals.length >= count, `${count} events`);
const told = (): string[] => receiver.arrivals.map((arrival) => bodyOf(arrival).type);
const publishedOnes = () =>
  system.database.query<{ id: string; type: string }>(
    `SELECT id, type FROM hook.events WHERE tenant_id = $1 AND type LIKE 'everhook.%' ORDER BY created_at`,
    [tenant.id],
  );
/** Waiting deliveries know of every change so far, and whoever wanted to was told. */
const caughtUp = () =>
  waitFor(async () => {
    const behind = await system.database.query(
      'SELECT 1 FROM hook.webhook_configs WHERE id = $1 AND fanned_out_version < state_version',
      [webhookId],
    );
    return behind.length === 0;
  }, 'the change to have reached everybody');
const deadLetter = async (answer = 400): Promise<string> => {
  receiver.answer = answer;
  const [id = ''] = await system.publish(tenant);
  await system.deliveryWith(tenant, id, 'DEAD_LETTER');
  return id;
};

describe('a change of a webhook', () => {
  it('is told to the webhooks that ask for it, once and in the order of the changes, and not to itself', async () => {
    await subscribe(['everhook.webhook.*']);

    for (const [action, body] of [
      ['pause', { reason: 'maintenance' }],
      ['resume', {}],
      ['disable', {}],
      ['enable', {}],
    ] as const) {
      await change(action, body);
      await caughtUp();
    }
    await hears(4);

    const about = { webhook_id: webhookId, url_origin: new URL(receiver.url).origin };
    const events = heard().sort((a, b) => a.timestamp.localeCompare(b.timestamp));
    expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
      {
        type: 'everhook.webhook.paused',
        data: { ...about, state: 'paused', reason: 'maintenance', changed_at: events[0]?.timestamp },
      },
      {
        type: 'everhook.webhook.enabled',
        data: { ...about, state: 'active', reason: null, changed_at: events[1]?.timestamp },
      },
      {
        type: 'everhook.webhook.disabled',
        data: { ...about, state: 'disabled', reason: 'manual', changed_at: events[2]?.timestamp },
      },
      {
        type: 'everhook.webhook.enabled',
        data: { ...about, state: 'active', reason: null, changed_at: events[3]?.timestamp },
      },
    ]);
    expect((await publishedOnes()).map(({ id }) => id)).toEqual(
      [2, 3, 4, 5].map((version) => `everhook-webhook-${webhookId}-${version}`),
    );
    expect(told()).toEqual([]);
  });

  it('is told although the poke got lost, and only once when the control workflow comes back to it', async () => {
    await subscribe(['everhook.webhook.paused']);
    await caughtUp();

    await change('pause');
    await hears(1);
    await caughtUp();
    // As after a worker that died between the two.
    await system.database.query('UPDATE hook.webhook_configs SET fanned_out_version = 1 WHERE id = $1', [webhookId]);
    await caughtUp();

    expect(await publishedOnes()).toHaveLength(1);
    expect(subscriber.arrivals).toHaveLength(1);
  });

  it('by a receiver that is gone is told with its reason', async () => {
    await subscribe(['everhook.webhook.disabled']);
    receiver.answer = 410;

    await system.publish(tenant);
    await hears(1);

    expect(heard()).toMatchObject([{ data: { webhook_id: webhookId, state: 'disabled', reason: 'gone' } }]);
  });

  it('leaves no event where nobody asks for it', async () => {
    await system.createWebhook(tenant, { url: subscriber.url, event_types: ['*'] });

    await change('pause');
    await caughtUp();

    expect(await publishedOnes()).toEqual([]);
  });

  it('is read back and replayed like any other event', async () => {
    await subscribe(['everhook.*']);
    await change('pause');
    await hears(1);

    const listed = await system.call('GET', '/v1/events?type=everhook.webhook.paused', { token: tenant.token });
    const { body } = await system.call('GET', `/v1/deliveries?event_id=${listed.body.data[0].id}`, {
      token: tenant.token,
    });
    const [{ id }] = body.data;
    await system.deliveryWith(tenant, id, 'SUCCESS');
    await system.call('POST', `/v1/deliveries/${id}/replay`, { token: tenant.token });
    await hears(2);

    expect(listed.body.data).toHaveLength(1);
    expect(heard()[1]).toEqual(heard()[0]);
  });
});

describe('a dead letter', () => {
  it('is told to the webhooks that ask for it, and not to its own', async () => {
    await subscribe(['everhook.delivery.dead_lettered']);

    const id = await deadLetter();
    await hears(1);

    const { completed_at, event_id } = await system.delivery(tenant, id);
    expect(heard()).toMatchObject([
      {
        type: 'everhook.delivery.dead_lettered',
        timestamp: completed_at,
        data: {
          delivery_id: id,
          webhook_id: webhookId,
          event_id,
          event_type: 'order.created',
          reason: 'REJECTED',
          attempts: 1,
          replay_no: 0,
          last_status_code: 400,
          dead_lettered_at: completed_at,
        },
      },
    ]);
    expect(told()).toEqual(['order.created']);
  });

  it('is told again when its replay ends the same way', async () => {
    await subscribe(['everhook.delivery.dead_lettered']);
    const id = await deadLetter();
    await hears(1);

    await system.call('POST', `/v1/deliveries/${id}/replay`, { token: tenant.token });
    await hears(2);

    expect((await publishedOnes()).map((event) => event.id)).toEqual([
      `everhook-dead-${id}-0`,
      `everhook-dead-${id}-1`,
    ]);
  });

  it('whose time was over is told as well', async () => {
    await subscribe(['everhook.delivery.*']);
    const [waiting = ''] = await (async () => {
      await change('pause');
      await system.call('PATCH', `/v1/webhooks/${webhookId}`, { token: tenant.token, body: { ttl_seconds: 1 } });
      return system.publish(tenant);
    })();
    await system.deliveryWith(tenant, waiting, 'DEAD_LETTER');

    await hears(1);

    expect(heard()).toMatchObject([{ data: { delivery_id: waiting, reason: 'EXPIRED', attempts: 0 } }]);
  });

  it('of an event that tells of a dead letter is told no further', async () => {
    subscriber.answer = 400;
    const [first, second] = [await subscribe(['everhook.*']), await subscribe(['everhook.*'])];

    await deadLetter();
    await hears(2);
    const dead = await waitFor(async () => {
      const { body } = await system.call('GET', '/v1/dlq', { token: tenant.token });
      return body.data.length === 3 && body.data;
    }, 'both to be dead letters');
    // Their workflows have done all that they do.
    for (const { delivery_id } of dead) {
      const run = system.ctx.temporal.client.workflow.getHandle(`delivery:${delivery_id}`);
      await run.result().catch(() => {});
    }

    expect(dead.map((letter: { webhook_id: string }) => letter.webhook_id).sort()).toEqual(
      [first.id, second.id, webhookId].sort(),
    );
    expect(await publishedOnes()).toHaveLength(1);
    expect(subscriber.arrivals).toHaveLength(2);
  });
});
