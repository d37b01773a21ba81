import { TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const webhook = (settings: object) => system.createWebhook(tenant, { url: 'https://example.com/', ...settings });
const setState = (id: string, state: string) =>
  system.database.query('UPDATE hook.webhook_configs SET state = $2 WHERE id = $1', [id, state]);

describe('an event goes to a webhook by its type', () => {
  it.each<[string[], string, boolean]>([
    [['*'], 'order.created', true],
    [['*'], 'x', true],
    [['order.created'], 'order.created', true],
    [['order.created'], 'order.created.eu', false],
    [['order.created'], 'order', false],
    [['order.*'], 'order.created', true],
    [['order.*'], 'order.created.eu', true],
    [['order.*'], 'order', false],
    [['order.*'], 'orders.created', false],
    [['order.*'], 'x.order.created', false],
    [['Order.*'], 'oRDER.created', true],
    [['ORDER.CREATED'], 'order.created', true],
    [['invoice.paid', 'order.*'], 'order.created', true],
    [['invoice.paid', 'order.*'], 'invoice.sent', false],
    [['order_.*'], 'orderx.created', false],
    [['everhook'], 'everhook', true],
    [['*'], 'everhooks.x', true],
  ])('%j and %s: %s', async (eventTypes, type, expected) => {
    await webhook({ event_types: eventTypes });

    const deliveryIds = await system.publish(tenant, { type });

    expect(deliveryIds).toHaveLength(expected ? 1 : 0);
  });

  it('once, even when several of its filters match', async () => {
    await webhook({ event_types: ['*', 'order.*', 'order.created'] });

    expect(await system.publish(tenant, { type: 'order.created' })).toHaveLength(1);
  });
});

describe('an event goes to a webhook by its channel', () => {
  it.each<[string | null, string | undefined, boolean]>([
    [null, undefined, true],
    [null, 'eu', true],
    ['eu', 'eu', true],
    ['eu', 'us', false],
    ['eu', 'EU', false],
    ['eu', undefined, false],
  ])('a webhook of channel %s and an event of channel %s: %s', async (channel, given, expected) => {
    await webhook({ channel });

    const deliveryIds = await system.publish(tenant, { channel: given });

    expect(deliveryIds).toHaveLength(expected ? 1 : 0);
  });
});

describe('an event goes to a webhook by its state', () => {
  it('as a pending delivery when it is active', async () => {
    const { id } = await webhook({ ttl_seconds: 1000 });

    const [deliveryId] = await system.publish(tenant, { type: 'Order.Created', id: 'e1' });

    expect(await system.delivery(tenant, String(deliveryId))).toMatchObject({
      id: deliveryId,
      webhook_id: id,
      event_id: 'e1',
      event_type: 'Order.Created',
      status: 'PENDING',
      reason: null,
      attempts: 0,
      replay_no: 0,
      workflow_id: `delivery:${deliveryId}`,
      completed_at: null,
    });
    expect(
      await system.database.query(
        'SELECT extract(epoch FROM expires_at - created_at)::int AS ttl, claimed_by IS NOT NULL AS claimed FROM hook.deliveries WHERE id = $1',
        [deliveryId],
      ),
    ).toEqual([{ ttl: 1000, claimed: true }]);
  });

  it('as a parked delivery, which nobody is to start, when it is paused', async () => {
    const { id } = await webhook({});
    await setState(id, 'paused');

    const [deliveryId] = await system.publish(tenant);

    expect(await system.delivery(tenant, String(deliveryId))).toMatchObject({ status: 'PAUSED', webhook_id: id });
    expect(
      await system.database.query(
        `SELECT claimed_by, claimed_until, run_id, parked_version = w.state_version AS "knowsOfThePause"
         FROM hook.deliveries d JOIN hook.webhook_configs w ON w.id = d.webhook_id WHERE d.id = $1`,
        [deliveryId],
      ),
    ).toEqual([{ claimed_by: null, claimed_until: null, run_id: null, knowsOfThePause: true }]);
  });

  it('as one that waits for its turn when it is crowded', async () => {
    const { id } = await webhook({});
    await system.database.query('UPDATE hook.webhook_configs SET crowded = true WHERE id = $1', [id]);

    const [deliveryId] = await system.publish(tenant);

    expect(await system.delivery(tenant, String(deliveryId))).toMatchObject({ status: 'PENDING', webhook_id: id });
    expect(
      await system.database.query(
        'SELECT claimed_until, waiting_since IS NOT NULL AS waits FROM hook.deliveries WHERE id = $1',
        [deliveryId],
      ),
    ).toEqual([{ claimed_until: null, waits: true }]);
  });

  it('not at all when it is disabled, by either way, or deleted', async () => {
    await webhook({ is_active: false });
    const disabled = await webhook({});
    const deleted = await webhook({});
    await setState(disabled.id, 'disabled');
    await system.call('DELETE', `/v1/webhooks/${deleted.id}`, { token: tenant.token });

    const { status, body } = await system.call('POST', '/v1/events', {
      token: tenant.token,
      body: { type: 'order.created', payload: 1 },
    });

    expect(status).toBe(202);
    expect(body.data).toMatchObject({ webhooks_queued: 0, delivery_ids: [] });
  });

  it('of its own tenant only', async () => {
    const other = await system.createTenant();
    await system.createWebhook(other, { url: 'https://example.com/' });

    expect(await system.publish(tenant)).toEqual([]);
  });
});
