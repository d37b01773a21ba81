import { ulid } from 'ulid';
import { adminToken, TestSystem, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
});

beforeEach(async () => {
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

interface AuditRecord {
  id: string;
  action: string;
  target: string;
  details: Record<string, unknown>;
}

const read = (query = '', token = tenant.token) => system.call('GET', `/v1/audit-logs${query}`, { token });
const recordsOf = async (query = ''): Promise<AuditRecord[]> => (await read(query)).body.data;
const actionsOf = async (query = '') => (await recordsOf(query)).map(({ action }) => action);
const patch = (id: string, body: unknown) => system.call('PATCH', `/v1/webhooks/${id}`, { token: tenant.token, body });

/** The tenant's own creation, and what comes of a webhook that is made, changed twice and deleted. */
async function aHistory(): Promise<string> {
  const { id } = await system.createWebhook(tenant, { url: 'https://example.com/hook' });
  await patch(id, { timeout_ms: 2000 });
  await patch(id, { is_active: false });
  await system.call('DELETE', `/v1/webhooks/${id}`, { token: tenant.token });
  return id;
}

const history = ['webhook.deleted', 'webhook.disabled', 'webhook.updated', 'webhook.created', 'tenant.created'];

describe('GET /v1/audit-logs: 200', () => {
  it('tells who did what to what in which request, the newest first', async () => {
    const { body, headers } = await system.call('POST', '/v1/webhooks', {
      token: tenant.token,
      body: { url: 'https://example.com/hook' },
    });

    const answer = await read();

    expect(answer.body).toMatchObject({ error: null, pagination: { limit: 20, next_cursor: null } });
    expect(answer.body.data).toEqual([
      {
        id: expect.stringMatching(/^[0-9A-Z]{26}$/),
        action: 'webhook.created',
        actor: `client:${tenant.clientId}`,
        target: `webhook:${body.data.id}`,
        details: expect.objectContaining({ timeout_ms: 5000 }),
        request_id: headers['x-request-id'],
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
      expect.objectContaining({
        action: 'tenant.created',
        actor: 'admin',
        target: `tenant:${tenant.id}`,
        details: { name: 'A tenant', client_id: tenant.clientId },
      }),
    ]);
  });

  it('filters by action', async () => {
    await aHistory();

    expect(await actionsOf()).toEqual(history);
    expect(await actionsOf('?action=webhook.updated')).toEqual(['webhook.updated']);
    expect(await actionsOf('?action=quota.exceeded')).toEqual([]);
  });

  it.each(['', '&action=webhook.created'])('pages without gaps or repeats: %s', async (filter) => {
    await Promise.all(
      Array.from({ length: 5 }, () => system.createWebhook(tenant, { url: 'https://example.com/hook' })),
    );
    const all = (await recordsOf(`?limit=100${filter}`)).map(({ id }) => id);

    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await read(`?limit=2${filter}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...body.data.map(({ id }: AuditRecord) => id));
      cursor = body.pagination.next_cursor;
    }

    expect(found).toEqual(all);
    expect(found.length).toBeGreaterThanOrEqual(5);
  });

  it.each(['', '&action=webhook.created'])('filters by time, from included and to not: %s', async (filter) => {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/hook' });
    const time = new Date('2026-01-01T12:00:00.500Z');
    await system.database.query('UPDATE hook.audit_logs SET created_at = $2, id = $3 WHERE target = $1', [
      `webhook:${id}`,
      time,
      ulid(time.getTime()),
    ]);
    const at = (from: string, to: string) => actionsOf(`?from=2026-01-01T${from}Z&to=2026-01-01T${to}Z${filter}`);

    expect(await at('12:00:00.500', '12:00:00.501')).toEqual(['webhook.created']);
    expect(await at('12:00:00.499', '12:00:00.500')).toEqual([]);
    expect(await at('12:00:00.501', '13:00:00.000')).toEqual([]);
  });

  it('shows the admin who names a tenant what is of that tenant', async () => {
    await aHistory();

    const answer = await system.call('GET', '/v1/audit-logs', {
      token: adminToken,
      headers: { 'x-tenant-id': tenant.id },
    });

    expect(answer.body.data).toEqual(await recordsOf());
  });
});

describe('the details', () => {
  it('show each field that was changed, before and after', async () => {
    const { id } = await system.createWebhook(tenant, { url: 'https://a.example/', event_types: ['order.*'] });

    await patch(id, {
      url: 'https://b.example/hook',
      event_types: ['invoice.paid'],
      timeout_ms: 2000,
      description: 'Invoices',
      retry_policy: { delays_seconds: [1] },
    });

    expect((await recordsOf('?action=webhook.updated'))[0]?.details).toEqual({
      before: {
        url: 'https://a.example/...',
        event_types: ['order.*'],
        timeout_ms: 5000,
        description: null,
        retry_policy: 'default',
      },
      after: {
        url: 'https://b.example/...',
        event_types: ['invoice.paid'],
        timeout_ms: 2000,
        description: 'Invoices',
        retry_policy: { delays_seconds: [1] },
      },
    });
  });

  it('show states, and the reason that was given', async () => {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const act = (action: string, body?: object) =>
      system.call('POST', `/v1/webhooks/${id}/${action}`, { token: tenant.token, body });

    await act('pause', { reason: 'maintenance' });
    await act('disable');

    expect(await recordsOf('?limit=2')).toMatchObject([
      { action: 'webhook.disabled', details: { from: 'paused', to: 'disabled', reason: 'manual' } },
      { action: 'webhook.paused', details: { from: 'active', to: 'paused', reason: 'maintenance' } },
    ]);
  });

  it('take half a surrogate pair, as the fields themselves do', async () => {
    const { id } = await system.createWebhook(tenant, { url: 'https://example.com/' });
    const half = String.fromCharCode(0xd800);

    const answers = [
      await patch(id, { description: half }),
      await system.call('POST', `/v1/webhooks/${id}/pause`, { token: tenant.token, body: { reason: half } }),
      await system.call('PATCH', `/v1/tenants/${tenant.id}`, { token: adminToken, body: { name: half } }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await recordsOf('?action=webhook.updated'))[0]?.details).toMatchObject({
      after: { description: '\uFFFD' },
    });
  });

  it('show of a webhook nothing that is secret, whatever is done to it', async () => {
    const { id } = await system.createWebhook(tenant, {
      url: 'https://example.com/hooks/leak-1?token=leak-2',
      secret: 'leak-3-leak-3-leak-3',
      headers: { Authorization: 'Bearer leak-4' },
      description: 'password=leak-5',
    });
    const act = (action: string, body: object) =>
      system.call('POST', `/v1/webhooks/${id}/${action}`, { token: tenant.token, body });

    await patch(id, {
      url: 'https://example.com/hooks/leak-6?token=leak-7',
      headers: { 'X-Token': 'leak-8' },
      description: 'secret: leak-9',
    });
    await act('rotate-secret', { secret: 'leak-10-leak-10-leak-10' });
    await act('rotate-secret', { secret: 'leak-11-leak-11-leak-11', force: true });
    await act('pause', { reason: 'the password=leak-12 got out' });
    await system.call('DELETE', `/v1/webhooks/${id}`, { token: tenant.token });

    const { text, body } = await read();
    expect(body.data.map(({ action }: AuditRecord) => action)).toEqual([
      'webhook.deleted',
      'webhook.paused',
      'webhook.secret_rotated',
      'webhook.secret_rotated',
      'webhook.updated',
      'webhook.created',
      'tenant.created',
    ]);
    expect(text.match(/leak-\d+/g)).toBeNull();
    expect(body.data[4].details).toMatchObject({
      before: { headers: ['Authorization'] },
      after: { headers: ['X-Token'] },
    });
  });
});

describe('details of an API key', () => {
  it('show no secret that somebody wrote into its name or description', async () => {
    const made = await system.call('POST', '/v1/keys', {
      token: tenant.token,
      body: { name: 'password=leak-1', description: 'secret: leak-2', scopes: ['read:events'] },
    });
    const path = `/v1/keys/${made.body.data.id}`;
    const body = { name: 'token=leak-3', description: 'password: leak-4' };
    await system.call('PATCH', path, { token: tenant.token, body });
    await system.call('DELETE', path, { token: tenant.token });

    const { text } = await read();

    expect(text).toContain('key.revoked');
    expect(text.match(/leak-\d+/g)).toBeNull();
  });
});

describe('GET /v1/audit-logs: refusals', () => {
  it.each([
    ['?action=webhook.exploded', 'action'],
    ['?action=', 'action'],
    ['?action=WEBHOOK.CREATED', 'action'],
    ['?action=webhook.created&action=webhook.deleted', 'action'],
    ['?from=yesterday', 'from'],
    ['?to=2026-13-01T00:00:00Z', 'to'],
    ['?limit=0', 'limit'],
    ['?limit=101', 'limit'],
    ['?offset=1', 'offset'],
    ['?cursor=x', 'cursor'],
    ['?actor=admin', 'actor'],
  ])('400 for %s, and names the parameter', async (query, field) => {
    expectRefusal(await read(query), 400, 'VALIDATION_ERROR', field);
  });

  it('401 without credentials', async () => {
    expectRefusal(await system.call('GET', '/v1/audit-logs'), 401, 'UNAUTHORIZED');
  });

  it('403 for a key without read:audit, and 200 for one with it', async () => {
    const keyWith = async (scope: string) =>
      (await system.call('POST', '/v1/keys', { token: tenant.token, body: { name: 'k', scopes: [scope] } })).body.data
        .key;
    const by = async (key: string) => system.call('GET', '/v1/audit-logs', { headers: { 'x-api-key': key } });

    expectRefusal(await by(await keyWith('read:webhooks')), 403, 'FORBIDDEN');
    expect((await by(await keyWith('read:audit'))).status).toBe(200);
  });
});
