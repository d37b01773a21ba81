import { TestSystem, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  await system.database.query('UPDATE hook.quotas SET max_active_webhooks = 1000');
});

afterAll(() => system.stop());

const create = (settings: object = {}) =>
  system.createWebhook(tenant, { url: 'https://example.com/hook', secret: 'a secret of my own', ...settings });

const change = (method: 'PATCH' | 'PUT', id: string, body: unknown) =>
  system.call(method, `/v1/webhooks/${id}`, { token: tenant.token, body });

const auditOf = async (id: string) => {
  const rows = await system.database.query<{ action: string }>(
    'SELECT action FROM hook.audit_logs WHERE target = $1 ORDER BY id',
    [`webhook:${id}`],
  );
  return rows.map(({ action }) => action);
};

const setState = (id: string, state: string) =>
  system.database.query('UPDATE hook.webhook_configs SET state = $2 WHERE id = $1', [id, state]);

describe.each(['PATCH', 'PUT'] as const)('%s /v1/webhooks/:id: 200', (method) => {
  it('changes what the body names and nothing else', async () => {
    const before = await create({ description: 'Orders', event_types: ['order.*'], timeout_ms: 2000 });

    const answer = await change(method, before.id, { timeout_ms: 3000 });

    expectData(answer, 200);
    expect(answer.body.data).toEqual({ ...before, timeout_ms: 3000, updated_at: expect.any(String) });
    expect(Date.parse(answer.body.data.updated_at)).toBeGreaterThanOrEqual(Date.parse(before.updated_at));
    expect(await auditOf(before.id)).toEqual(['webhook.created', 'webhook.updated']);
  });

  it('changes nothing for an empty body', async () => {
    const before = await create();

    const answer = await change(method, before.id, {});

    expect(answer.body.data).toEqual(before);
    expect(await auditOf(before.id)).toEqual(['webhook.created']);
  });

  it('takes aliases and null', async () => {
    const { id } = await create({ description: 'Orders', channel: 'eu' });

    const answer = await change(method, id, {
      callback_url: 'https://other.example/',
      event: 'a.b',
      description: null,
      channel: null,
    });

    expect(answer.body.data).toMatchObject({
      url: 'https://other.example/',
      event_types: ['a.b'],
      description: null,
      channel: null,
    });
  });

  it('disables and enables by is_active, with an audit row for each change of state', async () => {
    const { id } = await create();

    const off = await change(method, id, { is_active: false });
    const offAgain = await change(method, id, { is_active: false });
    const on = await change(method, id, { is_active: true });

    expect(off.body.data).toMatchObject({ is_active: false, state: 'disabled', state_reason: 'manual' });
    expect(offAgain.body.data).toEqual(off.body.data);
    expect(on.body.data).toMatchObject({ is_active: true, state: 'active', state_reason: null });
    expect(await auditOf(id)).toEqual(['webhook.created', 'webhook.disabled', 'webhook.enabled']);
  });

  it('leaves a paused webhook paused when it is enabled', async () => {
    const { id } = await create();
    await setState(id, 'paused');

    const answer = await change(method, id, { is_active: true });

    expect(answer.body.data).toMatchObject({ is_active: true, state: 'paused' });
  });

  it('changes settings and state together', async () => {
    const { id } = await create();

    const answer = await change(method, id, { is_active: false, description: 'off' });

    expect(answer.body.data).toMatchObject({ state: 'disabled', description: 'off' });
    expect(await auditOf(id)).toEqual(['webhook.created', 'webhook.updated', 'webhook.disabled']);
  });
});

describe('a change of state by is_active', () => {
  it('is logged once, like one by its own route', async () => {
    const { id } = await create();
    const info = jest.spyOn(system.ctx.telemetry.log, 'info');

    await change('PATCH', id, { is_active: false });
    await change('PATCH', id, { is_active: false });
    await system.call('POST', `/v1/webhooks/${id}/enable`, { token: tenant.token });

    const logged = info.mock.calls
      .map(([fact]) => fact as { event?: string })
      .filter(({ event }) => event === 'webhook.state_changed');
    info.mockRestore();
    expect(logged).toMatchObject([
      { webhook_id: id, state: 'disabled', reason: 'manual' },
      { webhook_id: id, state: 'active', reason: null },
    ]);
  });
});

describe('PATCH /v1/webhooks/:id: retry_policy against ttl_seconds', () => {
  it('refuses a ttl that the stored policy would outlast', async () => {
    const { id } = await create({ retry_policy: { delays_seconds: [100] }, ttl_seconds: 200 });

    expectRefusal(await change('PATCH', id, { ttl_seconds: 100 }), 400, 'VALIDATION_ERROR', 'retry_policy');
  });

  it('refuses a policy that would outlast the stored ttl', async () => {
    const { id } = await create({ retry_policy: { delays_seconds: [100] }, ttl_seconds: 200 });

    const answer = await change('PATCH', id, { retry_policy: { delays_seconds: [100, 100] } });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'retry_policy');
    expect(answer.body.error.message).toContain('200');
  });

  it('takes both when they fit each other, whatever was stored', async () => {
    const { id } = await create({ retry_policy: { delays_seconds: [100] }, ttl_seconds: 200 });

    const answer = await change('PATCH', id, { retry_policy: { delays_seconds: [] }, ttl_seconds: 1 });

    expect(answer.body.data).toMatchObject({ retry_policy: { delays_seconds: [] }, ttl_seconds: 1 });
  });

  it('never stores a pair that does not fit, even when two changes meet', async () => {
    const { id } = await create({ retry_policy: { delays_seconds: [10] }, ttl_seconds: 1000 });

    const answers = await Promise.all([
      change('PATCH', id, { ttl_seconds: 50 }),
      change('PATCH', id, { retry_policy: { delays_seconds: [500] } }),
    ]);

    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  it('keeps nothing of a refused change', async () => {
    const before = await create();

    const answer = await change('PATCH', before.id, { description: 'new', ttl_seconds: 1, is_active: false });
    const after = await system.call('GET', `/v1/webhooks/${before.id}`, { token: tenant.token });

    expect(answer.status).toBe(400);
    expect(after.body.data).toEqual(before);
  });
});
