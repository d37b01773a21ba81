import { newId } from '../../src/domain/ids';
import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true });
}, 60_000);

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const webhookOf = (settings: object = {}) => system.createWebhook(tenant, { url: 'https://example.com/', ...settings });
const test = (id: string, text?: string): Promise<ApiAnswer> =>
  system.call('POST', `/v1/webhooks/${id}/test`, { token: tenant.token, ...(text !== undefined && { text }) });
const payloadOf = async (eventId: string): Promise<string | undefined> => {
  const rows = await system.database.query<{ payload: string }>(
    'SELECT payload_snapshot AS payload FROM hook.events WHERE tenant_id = $1 AND id = $2',
    [tenant.id, eventId],
  );
  return rows[0]?.payload;
};

describe('POST /v1/webhooks/:id/test: 202', () => {
  it('sends one signed delivery to this webhook only, whatever it subscribes to', async () => {
    const [receiver, other] = [await system.startReceiver(), await system.startReceiver()];
    const { id } = await webhookOf({ url: receiver.url, event_types: ['order.created'], channel: 'eu' });
    await webhookOf({ url: other.url, event_types: ['everhook.test', '*'] });

    const answer = await test(id);

    expectData(answer, 202);
    const { delivery_id: deliveryId } = answer.body.data;
    expect(answer.body.data).toMatchObject({ event_type: 'everhook.test', event_id: expect.any(String) });
    await waitFor(() => receiver.arrivals.length > 0, 'the test to arrive');
    const [request] = receiver.arrivals;
    expect(request?.headers).toMatchObject({
      'webhook-id': deliveryId,
      'x-webhook-event': 'everhook.test',
      'webhook-signature': expect.stringMatching(/^v1,/),
    });
    expect(String(request?.body)).toContain('"data":{"message": "Hello from Everhook"}}');
    await system.deliveryWith(tenant, deliveryId, 'SUCCESS');
    expect(other.arrivals).toHaveLength(0);
  });

  it.each(['{"n": 12345678901234567890, "a":1,"a":2}', 'null', '"\\u0000"', '[ ]'])(
    'sends a payload as it was given: %s',
    async (payload) => {
      const { id } = await webhookOf();

      const { status, body } = await test(id, `{ "payload" : ${payload} , "type":"order.Created"}`);

      expect(status).toBe(202);
      expect(body.data.event_type).toBe('order.Created');
      expect(await payloadOf(body.data.event_id)).toBe(payload);
    },
  );

  it.each(['{}', 'null'])('takes the body %s like none', async (text) => {
    const { id } = await webhookOf();

    const { body } = await test(id, text);

    expect(await payloadOf(body.data.event_id)).toBe('{"message": "Hello from Everhook"}');
  });

  it('waits while the webhook is paused', async () => {
    const { id } = await webhookOf();
    await system.database.query("UPDATE hook.webhook_configs SET state = 'paused' WHERE id = $1", [id]);

    const { body } = await test(id);

    await system.deliveryWith(tenant, body.data.delivery_id, 'PAUSED');
  });
});

describe('POST /v1/webhooks/:id/test: refused', () => {
  it('is 409 for a webhook that is disabled, and stores nothing', async () => {
    const { id } = await webhookOf({ is_active: false });

    expectRefusal(await test(id), 409, 'INVALID_STATE');
    expect(await system.database.query('SELECT 1 FROM hook.events WHERE tenant_id = $1', [tenant.id])).toEqual([]);
  });

  it('is 404 for a webhook that is not there or was deleted', async () => {
    const { id } = await webhookOf();
    await system.call('DELETE', `/v1/webhooks/${id}`, { token: tenant.token });

    expectRefusal(await test(id), 404, 'NOT_FOUND');
    expectRefusal(await test(newId()), 404, 'NOT_FOUND');
  });

  it.each([
    ['{"type":"a..b"}', 'type'],
    ['{"typ":"a"}', 'typ'],
    ['[]', 'body'],
    ['"a"', 'body'],
  ])('is 400 for %s', async (text, field) => {
    const { id } = await webhookOf();

    expectRefusal(await test(id, text), 400, 'VALIDATION_ERROR', field);
  });

  it('is 413 for a payload larger than an event may be', async () => {
    const { id } = await webhookOf();

    expectRefusal(await test(id, `{"payload":"${'x'.repeat(262_144)}"}`), 413, 'PAYLOAD_TOO_LARGE');
  });
});
