import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;
let id: string;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
  id = (await system.createWebhook(tenant, { url: 'https://example.com/' })).id;
});

afterAll(() => system.stop());

type Action = 'pause' | 'resume' | 'disable' | 'enable';
const actions: Action[] = ['pause', 'resume', 'disable', 'enable'];

const act = (action: Action, body?: unknown, token = tenant.token): Promise<ApiAnswer> =>
  system.call('POST', `/v1/webhooks/${id}/${action}`, { token, body });

const auditOf = () =>
  system.database.query('SELECT action, actor, details FROM hook.audit_logs WHERE target = $1 ORDER BY id', [
    `webhook:${id}`,
  ]);

const stateVersion = async () =>
  (
    await system.database.query<{ state_version: number }>(
      'SELECT state_version FROM hook.webhook_configs WHERE id = $1',
      [id],
    )
  )[0]?.state_version;

async function bring(state: 'active' | 'paused' | 'disabled'): Promise<void> {
  if (state !== 'active') await act(state === 'paused' ? 'pause' : 'disable');
}

describe('POST /v1/webhooks/:id/pause|resume|disable|enable: 200', () => {
  it.each([
    ['active', 'pause', 'paused'],
    ['paused', 'resume', 'active'],
    ['active', 'disable', 'disabled'],
    ['paused', 'disable', 'disabled'],
    ['disabled', 'enable', 'active'],
  ] as const)('takes a webhook that is %s by %s to %s', async (from, action, to) => {
    await bring(from);
    const before = await stateVersion();

    const answer = await act(action);

    expectData(answer, 200);
    expect(answer.body.data).toMatchObject({
      id,
      state: to,
      is_active: to !== 'disabled',
      state_reason: to === 'active' ? null : 'manual',
    });
    expect((await system.call('GET', `/v1/webhooks/${id}`, { token: tenant.token })).body).toEqual(answer.body);
    expect(await stateVersion()).toBe((before ?? 0) + 1);
    expect((await auditOf()).at(-1)).toMatchObject({
      actor: `client:${tenant.clientId}`,
      details: { from, to, reason: 'manual' },
    });
  });

  it.each([
    ['active', 'resume'],
    ['active', 'enable'],
    ['paused', 'pause'],
    ['paused', 'enable'],
    ['disabled', 'disable'],
  ] as const)('changes nothing of a webhook that is %s by %s', async (state, action) => {
    await bring(state);
    const before = await system.call('GET', `/v1/webhooks/${id}`, { token: tenant.token });
    const audit = await auditOf();

    const answer = await act(action, { reason: 'again' });

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(before.body);
    expect(await auditOf()).toEqual(audit);
  });

  it('keeps the reason that was given', async () => {
    const answer = await act('pause', { reason: 'maintenance until noon' });

    expect(answer.body.data).toMatchObject({ state: 'paused', state_reason: 'maintenance until noon' });
  });

  it.each([undefined, {}, null])('takes the body %j for no reason', async (body) => {
    expect((await act('pause', body)).body.data.state_reason).toBe('manual');
  });

  it('answers without /v1 as well', async () => {
    const answer = await system.call('POST', `/webhooks/${id}/pause`, { token: tenant.token });

    expect(answer.body.data.state).toBe('paused');
  });

  it('comes out right when many ask at once: one change, one audit row', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => act('pause')));

    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await auditOf()).length).toBe(2);
  });
});

describe('POST /v1/webhooks/:id/pause|resume|disable|enable: refusals', () => {
  it.each([
    [{ reason: 'x'.repeat(256) }, 'reason'],
    [{ reason: '' }, 'reason'],
    [{ reason: 5 }, 'reason'],
    [{ reason: null }, 'reason'],
    [{ reason: 'a\u0000b' }, 'reason'],
    [{ until: 'tomorrow' }, 'until'],
  ])('400 for %j, which changes nothing', async (body, field) => {
    for (const action of actions) expectRefusal(await act(action, body), 400, 'VALIDATION_ERROR', field);
    expect(await auditOf()).toHaveLength(1);
  });

  it.each(actions)('401 for %s without credentials, 403 without write:webhooks', async (action) => {
    const key = await system.call('POST', '/v1/keys', {
      token: tenant.token,
      body: { name: 'k', scopes: ['read:webhooks'] },
    });
    const headers = { 'x-api-key': key.body.data.key };

    expectRefusal(await system.call('POST', `/v1/webhooks/${id}/${action}`), 401, 'UNAUTHORIZED');
    expectRefusal(await system.call('POST', `/v1/webhooks/${id}/${action}`, { headers }), 403, 'FORBIDDEN');
  });

  it.each(actions)('404 for %s of a webhook that was deleted, or that cannot be', async (action) => {
    await system.call('DELETE', `/v1/webhooks/${id}`, { token: tenant.token });

    expectRefusal(await act(action), 404, 'NOT_FOUND');
    expectRefusal(await system.call('POST', `/v1/webhooks/x/${action}`, { token: tenant.token }), 404, 'NOT_FOUND');
  });

  it.each([
    ['pause', 'paused'],
    ['resume', 'resumed'],
  ] as const)('409 for %s of a disabled webhook, with what to do', async (action, participle) => {
    await act('disable');

    const answer = await act(action);

    expectRefusal(answer, 409, 'INVALID_STATE');
    expect(answer.body.error.message).toBe(`The webhook is disabled and cannot be ${participle}; enable it first.`);
  });

  it('422 for one active webhook too many, which stays disabled', async () => {
    await act('disable');
    await system.database.query('UPDATE hook.quotas SET max_active_webhooks = 1 WHERE tenant_id = $1', [tenant.id]);
    await system.createWebhook(tenant, { url: 'https://example.com/' });

    const answer = await act('enable');

    expectRefusal(answer, 422, 'MAX_WEBHOOKS_EXCEEDED');
    const { body } = await system.call('GET', `/v1/webhooks/${id}`, { token: tenant.token });
    expect(body.data.state).toBe('disabled');
  });
});

describe('a change that was asked for in Temporal', () => {
  it('changes nothing when it is carried out again, whatever somebody else has made of the webhook since', async () => {
    const webhook = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const request = { key: `request of ${webhook.id}`, askedAtMs: Date.now() };
    const change = { tenantId: tenant.id, webhookId: webhook.id, reason: null, actor: { name: 'temporal-ui' } };
    const pause = () => system.ctx.changeState({ ...change, action: 'pause', request });

    const first = await pause();
    await system.ctx.changeState({ ...change, action: 'resume' });
    const again = await pause();
    const other = await system.ctx.changeState({ ...change, action: 'pause', request: { ...request, key: 'another' } });

    expect([first, again, other]).toEqual([
      { state: 'paused', changed: true },
      { state: 'active', changed: false },
      { state: 'paused', changed: true },
    ]);
    const audit = await system.database.query<{ action: string }>(
      "SELECT action FROM hook.audit_logs WHERE target = $1 AND action <> 'webhook.created'",
      [`webhook:${webhook.id}`],
    );
    expect(audit.map(({ action }) => action).toSorted()).toEqual([
      'webhook.paused',
      'webhook.paused',
      'webhook.resumed',
    ]);
  });
});
