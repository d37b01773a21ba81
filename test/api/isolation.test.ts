/**
 * One tenant never sees or changes what is another's, by whatever route. A route that names a thing by
 * its id belongs into `routes` below.
 */
import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
import { expectRefusal } from './answers';

let system: TestSystem;
let owner: TestTenant;
let stranger: TestTenant;
let webhookId: string;
let deliveryId: string;
let deadLetterId: string;
let keyId: string;
let replayId: string;

beforeAll(async () => {
  system = await TestSystem.start();
  owner = await system.createTenant();
  stranger = await system.createTenant();
  webhookId = (await system.createWebhook(owner, { url: 'https://example.com/', description: 'owner-4711' })).id;
  deliveryId = String((await system.publish(owner, { id: 'owner-event' }))[0]);
  deadLetterId = String((await system.publish(owner))[0]);
  await system.ctx.deliveryEnds.record(deadLetterId, 'run', 'EXHAUSTED', 0);
  const key = await system.call('POST', '/v1/keys', {
    token: owner.token,
    body: { name: 'key-4711', scopes: ['read:webhooks'] },
  });
  keyId = key.body.data.id;
  const replay = await system.call('POST', `/v1/webhooks/${webhookId}/replay`, {
    token: owner.token,
    body: { since: '2026-01-01T00:00:00Z', limit: 4711 },
  });
  replayId = replay.body.data.replay_id;
  await system.publish(owner, { id: 'owner-only' });
});

afterAll(() => system.stop());

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
interface Caller {
  readonly name: string;
  readonly headers: () => Record<string, string>;
}

const strangers: Caller[] = [
  { name: "another tenant's token", headers: () => ({ authorization: `Bearer ${stranger.token}` }) },
  {
    name: "another tenant's token that names the owner",
    headers: () => ({ authorization: `Bearer ${stranger.token}`, 'x-tenant-id': owner.id }),
  },
  {
    name: 'the admin in the name of another tenant',
    headers: () => ({ authorization: `Bearer ${adminToken}`, 'x-tenant-id': stranger.id }),
  },
];

const byId: [Method, () => string, object?][] = [
  ['GET', () => `/webhooks/${webhookId}`],
  ['PATCH', () => `/webhooks/${webhookId}`, { description: 'stolen' }],
  ['PUT', () => `/webhooks/${webhookId}`, { is_active: false }],
  ['DELETE', () => `/webhooks/${webhookId}`],
  ['POST', () => `/webhooks/${webhookId}/test`, { type: 'a' }],
  ['GET', () => `/webhooks/${webhookId}/stats`],
  ['POST', () => `/webhooks/${webhookId}/replay`, { since: '2026-01-01T00:00:00Z' }],
  ['POST', () => `/webhooks/${webhookId}/replay`, { since: '2026-01-01T00:00:00Z', dry_run: true }],
  ['GET', () => `/v1/replays/${replayId}`],
  ['POST', () => `/v1/replays/${replayId}/cancel`],
  ['POST', () => `/webhooks/${webhookId}/pause`],
  ['POST', () => `/webhooks/${webhookId}/resume`],
  ['POST', () => `/webhooks/${webhookId}/disable`, { reason: 'stolen' }],
  ['POST', () => `/webhooks/${webhookId}/enable`],
  ['POST', () => `/webhooks/${webhookId}/rotate-secret`, { force: true, grace_period_seconds: 0 }],
  ['GET', () => '/events/owner-only'],
  ['GET', () => `/v1/deliveries/${deliveryId}`],
  ['GET', () => `/v1/deliveries/${deliveryId}/attempts`],
  ['POST', () => `/v1/deliveries/${deliveryId}/replay`],
  ['POST', () => `/v1/deliveries/${deliveryId}/cancel`],
  ['POST', () => `/v1/deliveries/${deliveryId}/retry-now`],
  ['GET', () => `/dlq/webhook/${webhookId}`],
  ['POST', () => `/dlq/${deadLetterId}/retry`],
  ['DELETE', () => `/dlq/${deadLetterId}`],
];

/** Those that no scope opens: what is refused to API keys and open to whoever else acts for the tenant. */
const keysById: [Method, () => string, object?][] = [
  ['GET', () => `/v1/keys/${keyId}`],
  ['PATCH', () => `/v1/keys/${keyId}`, { name: 'stolen', scopes: ['write:events'] }],
  ['DELETE', () => `/v1/keys/${keyId}`],
];

/** Those that name the tenant itself; the admin needs no x-tenant-id for them. */
const byTenant: [Method, () => string, object?][] = [['GET', () => `/quotas/${owner.id}`]];

const lists = [
  () => '/v1/webhooks',
  () => `/v1/webhooks?ids[]=${webhookId}`,
  () => '/v1/keys',
  // Past what strangers publish below themselves.
  () => '/v1/events?type=order.created',
  () => `/v1/event-types?cursor=${Buffer.from('b').toString('base64url')}`,
  () => '/v1/deliveries',
  () => '/v1/replays',
  // Strangers have audit rows of their own, but none of webhooks.
  () => '/v1/audit-logs?action=webhook.created',
  () => '/v1/dlq',
  () => `/v1/dlq?webhook_id=${webhookId}`,
  () => `/v1/deliveries?webhook_id=${webhookId}`,
  () => '/v1/deliveries?event_id=owner-event',
  () => `/v1/deliveries?cursor=${Buffer.from('7ZZZZZZZZZZZZZZZZZZZZZZZZZ').toString('base64url')}`,
];

/** All that the owner has, as text. */
async function belongings(): Promise<string> {
  const parts: unknown[] = [];
  for (const table of [
    'tenants',
    'quotas',
    'api_keys',
    'webhook_configs',
    'events',
    'deliveries',
    'replays',
    'audit_logs',
  ]) {
    const column = table === 'tenants' ? 'id' : 'tenant_id';
    const rows = await system.database.query(`SELECT t::text FROM hook.${table} t WHERE ${column} = $1 ORDER BY 1`, [
      owner.id,
    ]);
    parts.push(rows);
  }
  return JSON.stringify(parts);
}

describe.each(strangers)('for $name', ({ headers }) => {
  it.each(
    [...byId, ...keysById, ...byTenant].map(([method, path, body]) => ({
      method,
      path,
      body,
      route: String(path).slice(6),
    })),
  )('$method $route is 404 and changes nothing', async ({ method, path, body }) => {
    const before = await belongings();

    const answers: ApiAnswer[] = [await system.call(method, path(), { headers: headers(), body })];
    if (!path().startsWith('/v1')) {
      answers.push(await system.call(method, `/v1${path()}`, { headers: headers(), body }));
    }

    for (const answer of answers) {
      expectRefusal(answer, 404, 'NOT_FOUND');
      expect(answer.text).not.toContain('4711');
    }
    expect(await belongings()).toBe(before);
  });

  it('POST /v1/dlq/retry of its webhook is 404 and changes nothing', async () => {
    const before = await belongings();

    const answer = await system.call('POST', '/v1/dlq/retry', { headers: headers(), body: { webhook_id: webhookId } });

    expectRefusal(answer, 404, 'NOT_FOUND');
    expect(await belongings()).toBe(before);
  });

  it('is answered for an id of another tenant as for one that does not exist', async () => {
    const answers = await Promise.all(
      [webhookId, '01ARZ3NDEKTSV4RRFFQ69G5FAV'].map((id) =>
        system.call('PATCH', `/v1/webhooks/${id}`, { headers: headers(), body: { timeout_ms: 1000 } }),
      ),
    );

    expect(answers[0]?.text).toBe(answers[1]?.text);
  });

  it.each(lists.map((path) => [String(path).slice(6), path] as const))(
    '%s lists nothing of it',
    async (_name, path) => {
      const answer = await system.call('GET', path(), { headers: headers() });

      expect(answer.status).toBe(200);
      expect(answer.body.data).toEqual([]);
    },
  );

  it('an event with the id of another tenant is a new one', async () => {
    const before = await belongings();

    const answer = await system.call('POST', '/v1/events', {
      headers: headers(),
      body: { id: 'owner-event', type: 'a', payload: 1 },
    });

    expect(answer.body.data).toMatchObject({ id: 'owner-event', delivery_ids: [] });
    expect(await belongings()).toBe(before);
  });

  it.each([
    ['/v1/events', { type: 'a', payload: 1 }],
    ['/v1/webhooks', { url: 'https://example.com/' }],
  ])('POST %s in the name of the owner is 403 and changes nothing', async (url, body) => {
    const before = await belongings();

    const answer = await system.call('POST', url, { headers: headers(), body: { ...body, tenant_id: owner.id } });

    expectRefusal(answer, 403, 'FORBIDDEN', 'tenant_id');
    expect(await belongings()).toBe(before);
  });
});

const ofTenants: [Method, () => string, object?][] = [
  ...byId,
  ['GET', () => '/v1/webhooks'],
  ['GET', () => '/v1/deliveries'],
  ['GET', () => '/v1/dlq'],
  ['GET', () => '/v1/replays'],
  ['POST', () => '/v1/dlq/retry', { limit: 1 }],
  ['POST', () => '/v1/webhooks', { url: 'https://example.com/' }],
  ['POST', () => '/v1/events', { type: 'a', payload: 1 }],
  ['POST', () => '/v1/events/batch', { events: [{ type: 'a', payload: 1 }] }],
  ['GET', () => '/v1/events'],
  ['GET', () => '/v1/event-types'],
  ['GET', () => '/v1/audit-logs'],
];
const named = ([method, path, body]: [Method, () => string, object?]) => ({
  method,
  path,
  body,
  route: String(path).slice(6),
});
const scopedRoutes = ofTenants.map(named);
const everyRoute = [
  ...scopedRoutes,
  ...keysById.map(named),
  named(['GET', () => '/v1/keys']),
  named(['POST', () => '/v1/keys', { name: 'x', scopes: ['read:webhooks'] }]),
];

it('every route that acts for a tenant is tried here', async () => {
  const { paths } = (await system.call('GET', '/openapi.json')).body as {
    paths: Record<string, Record<string, { security: object[] }>>;
  };
  const served = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security.some((scheme) => 'accessToken' in scheme))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  const tried = [...everyRoute, ...byTenant.map(named)].map(
    ({ method, path }) => `${method} /v1${path().replace(/^\/v1/, '')}`,
  );

  const untried = served.filter((route) => {
    const pattern = new RegExp(`^${route.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`);
    return !tried.some((one) => pattern.test(one));
  });

  expect(served.length).toBeGreaterThan(30);
  expect(untried).toEqual([]);
});

describe('for the admin', () => {
  it.each(everyRoute)('$method $route is 400 without x-tenant-id, and names it', async ({ method, path, body }) => {
    const answer = await system.call(method, path(), { token: adminToken, body });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'x-tenant-id');
  });

  it.each([
    ['unknown', 'nobody'],
    ['not an id', "' OR 1=1"],
    ['empty', ''],
    ['given twice', 'a, b'],
  ])('an x-tenant-id that is %s is 404, and named', async (_what, named) => {
    const answer = await system.call('GET', '/v1/webhooks', { token: adminToken, headers: { 'x-tenant-id': named } });

    expectRefusal(answer, 404, 'NOT_FOUND', 'x-tenant-id');
  });

  it('a tenant made after its id was asked for is there at once', async () => {
    const headers = { 'x-tenant-id': 'made-later' };
    await system.call('GET', '/v1/webhooks', { token: adminToken, headers });
    await system.call('POST', '/v1/tenants', { token: adminToken, body: { name: 'x', id: 'made-later' } });

    expect((await system.call('GET', '/v1/webhooks', { token: adminToken, headers })).status).toBe(200);
  });

  it('x-tenant-id opens what is of that tenant', async () => {
    const headers = { 'x-tenant-id': owner.id };

    const webhook = await system.call('GET', `/v1/webhooks/${webhookId}`, { token: adminToken, headers });
    const delivery = await system.call('GET', `/v1/deliveries/${deliveryId}`, { token: adminToken, headers });

    expect(webhook.body.data).toMatchObject({ id: webhookId, tenant_id: owner.id });
    expect(delivery.body.data).toMatchObject({ id: deliveryId });
  });

  it('stands in the audit row of what it changes for a tenant', async () => {
    const { body } = await system.call('POST', '/v1/webhooks', {
      token: adminToken,
      headers: { 'x-tenant-id': owner.id },
      body: { url: 'https://example.com/' },
    });

    expect(
      await system.database.query('SELECT tenant_id, actor FROM hook.audit_logs WHERE target = $1', [
        `webhook:${body.data.id}`,
      ]),
    ).toEqual([{ tenant_id: owner.id, actor: 'admin' }]);
  });
});

describe('quotas of another tenant', () => {
  it('are changed neither by a tenant nor by the admin in the name of one', async () => {
    const change = (headers: Record<string, string>) =>
      system.call('PATCH', `/v1/quotas/${owner.id}`, { headers, body: { max_dlq_size: 1 } });
    const before = await belongings();

    const asTenant = await change({ authorization: `Bearer ${stranger.token}` });
    const asAdmin = await change({ authorization: `Bearer ${adminToken}`, 'x-tenant-id': stranger.id });

    expectRefusal(asTenant, 403, 'FORBIDDEN');
    expectRefusal(asAdmin, 404, 'NOT_FOUND');
    expect(await belongings()).toBe(before);
  });
});

describe('without credentials or scopes', () => {
  it.each([...everyRoute, ...byTenant.map(named)])(
    '$method $route is 401 without credentials',
    async ({ method, path, body }) => {
      const answer = await system.call(method, path(), { body, headers: { 'x-tenant-id': owner.id } });

      expectRefusal(answer, 401, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).toBeDefined();
    },
  );

  it.each(scopedRoutes)('$method $route is 403 with all scopes but its own', async ({ method, path, body }) => {
    const side = method === 'GET' ? 'read' : 'write';
    const named = /webhooks|events|deliveries|audit/.exec(path().replace('event-types', 'events'))?.[0];
    const lacking = `${side}:${path().includes('/replay') ? 'deliveries' : (named ?? 'deliveries')}`;
    const all = [
      'read:webhooks',
      'write:webhooks',
      'read:events',
      'write:events',
      'read:deliveries',
      'write:deliveries',
      'read:audit',
    ];
    const { body: auth } = await system.call('POST', '/v1/auth', {
      body: {
        grant_type: 'client_credentials',
        client_id: owner.clientId,
        client_secret: owner.clientSecret,
        scope: all.filter((scope) => scope !== lacking).join(' '),
      },
    });

    const answer = await system.call(method, path(), { token: auth.access_token, body });

    expectRefusal(answer, 403, 'FORBIDDEN');
    expect(answer.body.error.details.required).toBe(lacking);
  });
});
