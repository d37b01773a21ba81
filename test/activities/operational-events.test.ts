/** When dead letters are published, and that publishing again writes nothing. */
import { createActivities } from '../../activities';
import { ownType, publishedAttempt } from '../support/attempts';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const url = 'https://example.com/';
const type = 'everhook.delivery.dead_lettered';

const subscribe = (settings: object = {}): Promise<ApiAnswer['body']> =>
  system.createWebhook(tenant, { url, event_types: [type], ...settings });
const attemptOf = () => publishedAttempt(system, tenant, { url, event: ownType() });
const end = (
  input: { delivery_id: string; tenant_id: string; webhook_id: string; run_id: string },
  reason: 'EXHAUSTED' | 'CANCELLED' = 'EXHAUSTED',
) => createActivities(system.ctx).endDelivery({ ...input, started_replay_no: 0, reason });
const published = () =>
  system.database.query<{ id: string; deliveries: number }>(
    `SELECT e.id, (SELECT count(*)::int FROM hook.deliveries d WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id) AS deliveries
     FROM hook.events e WHERE tenant_id = $1 AND type LIKE 'everhook.%'`,
    [tenant.id],
  );

describe('the end of a delivery', () => {
  it('as a dead letter is published once, however often it is recorded', async () => {
    await subscribe();
    const input = await attemptOf();

    await end(input);
    await end(input);
    await Promise.all([end(input), end(input)]);

    expect(await published()).toEqual([{ id: `everhook-dead-${input.delivery_id}-0`, deliveries: 1 }]);
  });

  it('that was recorded by a process that died then is published by the call after', async () => {
    await subscribe();
    const input = await attemptOf();
    await system.ctx.deliveryEnds.record(input.delivery_id, input.run_id, 'EXHAUSTED', 0);

    await end(input);

    expect(await published()).toHaveLength(1);
  });

  it('fails when it could not be published, so that it is called again', async () => {
    await subscribe();
    const input = await attemptOf();
    const accept = jest.spyOn(system.ctx.workerPool, 'query').mockImplementation((...args: unknown[]) => {
      const { name } = args[0] as { name?: string };
      if (name === 'events.accept') throw new Error('Postgres is away');
      return Reflect.apply(
        Object.getPrototypeOf(system.ctx.workerPool).query as () => never,
        system.ctx.workerPool,
        args,
      );
    });
    try {
      await expect(end(input)).rejects.toThrow('Postgres is away');
    } finally {
      accept.mockRestore();
    }

    await end(input);

    expect(await published()).toHaveLength(1);
  });

  it('as a cancellation is not published', async () => {
    await subscribe();

    await end(await attemptOf(), 'CANCELLED');

    expect(await published()).toEqual([]);
  });

  it('is not published where nobody asks for it', async () => {
    await system.createWebhook(tenant, { url, event_types: ['*'] });

    await end(await attemptOf());

    expect(await published()).toEqual([]);
  });

  it('is not told to another tenant, nor to the webhook that it is about', async () => {
    const own = tenant;
    tenant = await system.createTenant();
    await subscribe();
    const other = tenant;
    tenant = own;

    const about = ownType();
    await end(await publishedAttempt(system, tenant, { url, event_types: [about, type] }, { type: about }));

    expect(await published()).toEqual([]);
    tenant = other;
    expect(await published()).toEqual([]);
  });

  it('becomes a dead letter of its own where the queue of who asks is full, and is told no further', async () => {
    const subscribed = await subscribe({ max_queue_size: 1 });
    const [first, second] = [await attemptOf(), await attemptOf()];

    await end(first);
    await end(second);
    await system.ctx.operationalEvents.idle();

    const { body } = await system.call('GET', `/v1/dlq/webhook/${subscribed.id}`, { token: tenant.token });
    expect(body.data).toMatchObject([{ event_id: `everhook-dead-${second.delivery_id}-0`, reason: 'QUEUE_FULL' }]);
    expect(await published()).toHaveLength(2);
  });

  it('does not count as events of the tenant that are limited per second', async () => {
    await subscribe();
    const inputs = [await attemptOf(), await attemptOf()];
    await system.call('PATCH', `/v1/quotas/${tenant.id}`, {
      headers: { authorization: 'Bearer test-admin-token-0123456789-0123456789' },
      body: { max_events_per_sec: 1 },
    });

    for (const input of inputs) await end(input);

    expect(await published()).toHaveLength(2);
  });
});

describe('what a full queue does not take', () => {
  it('is published as a dead letter', async () => {
    const eventType = ownType();
    const full = await system.createWebhook(tenant, { url, event_types: [eventType], max_queue_size: 1 });
    const other = await system.createWebhook(tenant, { url, event_types: [eventType] });
    await subscribe();

    await system.publish(tenant, { type: eventType });
    await system.publish(tenant, { type: eventType });
    await system.ctx.operationalEvents.idle();

    const { body } = await system.call('GET', `/v1/dlq/webhook/${full.id}`, { token: tenant.token });
    expect(await published()).toEqual([{ id: `everhook-dead-${body.data[0].delivery_id}-0`, deliveries: 1 }]);
    const event = await system.call('GET', `/v1/events/everhook-dead-${body.data[0].delivery_id}-0`, {
      token: tenant.token,
    });
    expect(event.body.data.payload).toMatchObject({ webhook_id: full.id, reason: 'QUEUE_FULL', attempts: 0 });
    expect(other.id).not.toBe(full.id);
  });
});
