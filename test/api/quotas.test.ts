import { adminToken, TestSystem, type ApiAnswer, type TestTenant } from '../support/system';
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

const read = (token = tenant.token, id = tenant.id): Promise<ApiAnswer> =>
  system.call('GET', `/v1/quotas/${id}`, { token });
const change = (body: unknown, token = adminToken, id = tenant.id): Promise<ApiAnswer> =>
  system.call('PATCH', `/v1/quotas/${id}`, { token, body });

const defaults = {
  max_events_per_sec: 100,
  max_concurrent_deliveries: 50,
  max_dlq_size: 100,
  max_active_webhooks: 10,
};

const audited = () =>
  system.database.query(
    "SELECT actor, target, details FROM hook.audit_logs WHERE tenant_id = $1 AND action = 'quota.updated' ORDER BY id",
    [tenant.id],
  );

describe('GET /v1/quotas/:tenant_id: 200', () => {
  it('shows what the tenant may use, and what it uses', async () => {
    await system.createWebhook(tenant, { url: 'https://example.com/' });
    await system.createWebhook(tenant, { url: 'https://example.com/', is_active: false });
    const paused = await system.createWebhook(tenant, { url: 'https://example.com/' });
    await system.database.query("UPDATE hook.webhook_configs SET state = 'paused' WHERE id = $1", [paused.id]);
    const ids = [...(await system.publish(tenant)), ...(await system.publish(tenant))];
    const [, dead, resolved] = ids;
    await system.database.query(
      `INSERT INTO hook.in_flight_leases (tenant_id, webhook_id, worker_id, slots, used, until)
       VALUES ($1, '', 'a worker', 10, 1, now() + interval '1 hour'), ($1, $2, 'a worker', 5, 1, now() + interval '1 hour'),
              ($1, '', 'a worker that died', 10, 7, now() - interval '1 second')`,
      [tenant.id, paused.id],
    );
    await system.database.query(
      `UPDATE hook.deliveries SET status = 'DEAD_LETTER', completed_at = now(),
         resolved_at = CASE WHEN id = $2 THEN now() END WHERE id = ANY($1)`,
      [[dead, resolved], resolved],
    );
    await system.database.query(
      "UPDATE hook.events SET created_at = created_at - interval '1 second' WHERE tenant_id = $1",
      [tenant.id],
    );
    await system.database.query(
      `INSERT INTO hook.events (tenant_id, id, type, payload_snapshot, body_hash, created_at)
       SELECT $1, 'now' || n, 'a', '1', '', now() + interval '20 seconds' FROM generate_series(1, 7) n`,
      [tenant.id],
    );

    const { status, body } = await read();

    expect(status).toBe(200);
    expect(body.data).toEqual({
      tenant_id: tenant.id,
      limits: defaults,
      current_usage: { events_sent: 7, concurrent_deliveries: 1, dlq_count: 1, active_webhooks: 2 },
      remaining: {
        max_events_per_sec: 93,
        max_concurrent_deliveries: 49,
        max_dlq_size: 99,
        max_active_webhooks: 8,
      },
    });
  });

  it('counts what belongs to this tenant only', async () => {
    const other = await system.createTenant();
    await system.createWebhook(other, { url: 'https://example.com/' });
    await system.publish(other);

    const { body } = await read();

    const none = { events_sent: 0, concurrent_deliveries: 0, dlq_count: 0, active_webhooks: 0 };
    expect(body.data).toMatchObject({ current_usage: none, remaining: defaults });
  });

  it('is open to the admin, with and without the tenant in x-tenant-id, and answers without /v1 as well', async () => {
    const answers = [
      await read(adminToken),
      await system.call('GET', `/quotas/${tenant.id}`, { token: adminToken, headers: { 'x-tenant-id': tenant.id } }),
    ];

    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.data).toMatchObject({ tenant_id: tenant.id, limits: defaults });
    }
  });
});

describe('PATCH /v1/quotas/:tenant_id: 200', () => {
  it('changes what the body names, and leaves an audit row with before and after', async () => {
    const { status, body } = await change({ max_events_per_sec: 500, max_dlq_size: 1 });

    expect(status).toBe(200);
    expect(body.data.limits).toEqual({ ...defaults, max_events_per_sec: 500, max_dlq_size: 1 });
    expect((await read()).body.data.limits).toEqual(body.data.limits);
    expect(await audited()).toEqual([
      {
        actor: 'admin',
        target: `tenant:${tenant.id}`,
        details: {
          before: { max_events_per_sec: 100, max_dlq_size: 100 },
          after: { max_events_per_sec: 500, max_dlq_size: 1 },
        },
      },
    ]);
  });

  it.each([
    ['max_events_per_sec', 1, 100_000],
    ['max_concurrent_deliveries', 1, 100_000],
    ['max_dlq_size', 1, 1_000_000],
    ['max_active_webhooks', 1, 100_000],
  ])('takes %s from %d to %d', async (name, least, most) => {
    const answers = [await change({ [name]: least }), await change({ [name]: most })];

    expect(answers.map(({ body }) => body.data.limits[name])).toEqual([least, most]);
  });

  it('lets what is there stay beyond a limit that is lowered, and nothing remains then', async () => {
    for (let n = 0; n < 3; n++) await system.createWebhook(tenant, { url: 'https://example.com/' });

    const { status, body } = await change({ max_active_webhooks: 2 });

    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      limits: { max_active_webhooks: 2 },
      current_usage: { active_webhooks: 3 },
      remaining: { max_active_webhooks: 0 },
    });
    const refused = await system.call('POST', '/v1/webhooks', {
      token: tenant.token,
      body: { url: 'https://example.com/' },
    });
    expectRefusal(refused, 422, 'MAX_WEBHOOKS_EXCEEDED');
  });

  it('tells in each audit row what that change found, also of two at once', async () => {
    await Promise.all([change({ max_dlq_size: 7 }), change({ max_dlq_size: 8 })]);

    const rows = (await audited()) as { details: { before: object; after: object } }[];
    expect(rows).toHaveLength(2);
    const befores = rows.map(({ details }) => JSON.stringify(details.before));
    expect(new Set(befores).size).toBe(2);
  });
});

describe('quotas: 400', () => {
  it.each<[string, unknown, string]>([
    ['nothing', {}, 'body'],
    ['an unknown limit', { max_events: 5 }, 'max_events'],
    ['zero', { max_events_per_sec: 0 }, 'max_events_per_sec'],
    ['too many', { max_events_per_sec: 100_001 }, 'max_events_per_sec'],
    ['a fraction', { max_dlq_size: 1.5 }, 'max_dlq_size'],
    ['text', { max_active_webhooks: '5' }, 'max_active_webhooks'],
    ['null', { max_concurrent_deliveries: null }, 'max_concurrent_deliveries'],
    ['a list', [], 'body'],
  ])('%s is refused and named, and changes nothing', async (_what, body, field) => {
    expectRefusal(await change(body), 400, 'VALIDATION_ERROR', field);
    expect((await read()).body.data.limits).toEqual(defaults);
    expect(await audited()).toEqual([]);
  });
});

describe('quotas: 401, 403 and 404', () => {
  it('are closed to strangers', async () => {
    expectRefusal(await system.call('GET', `/v1/quotas/${tenant.id}`), 401, 'UNAUTHORIZED');
    expectRefusal(await system.call('PATCH', `/v1/quotas/${tenant.id}`, { body: {} }), 401, 'UNAUTHORIZED');
  });

  it('are read with the scope read:quotas', async () => {
    const { body: auth } = await system.call('POST', '/v1/auth', {
      body: {
        grant_type: 'client_credentials',
        client_id: tenant.clientId,
        client_secret: tenant.clientSecret,
        scope: 'read:webhooks read:deliveries',
      },
    });

    const answer = await read(auth.access_token);

    expectRefusal(answer, 403, 'FORBIDDEN');
    expect(answer.body.error.details.required).toBe('read:quotas');
  });

  it('are changed by the admin only', async () => {
    expectRefusal(await change({ max_events_per_sec: 1000 }, tenant.token), 403, 'FORBIDDEN');
    expect((await read()).body.data.limits).toEqual(defaults);
  });

  it.each(['nobody', 'a.b', '%00'])('of a tenant that there is not are 404: %s', async (id) => {
    expectRefusal(await read(adminToken, id), 404, 'NOT_FOUND');
    expectRefusal(await change({ max_dlq_size: 1 }, adminToken, id), 404, 'NOT_FOUND');
    expectRefusal(await read(tenant.token, id), 404, 'NOT_FOUND');
  });

  it('of a tenant that was deleted are 404', async () => {
    await system.call('DELETE', `/v1/tenants/${tenant.id}`, { token: adminToken });

    expectRefusal(await read(adminToken), 404, 'NOT_FOUND');
    expectRefusal(await change({ max_dlq_size: 1 }), 404, 'NOT_FOUND');
  });
});
