import { createHash } from 'node:crypto';
import { adminToken, TestSystem } from '../support/system';
import { expectData, expectRefusal } from './answers';

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start();
});

afterAll(() => system.stop());

const create = (body: unknown, token: string | undefined = adminToken) =>
  system.call('POST', '/v1/tenants', { body, ...(token !== undefined && { token }) });

describe('POST /v1/tenants: 201', () => {
  it('answers the tenant with its credentials', async () => {
    const answer = await create({ name: 'Acme' });

    expectData(answer, 201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body.data).toEqual({
      id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      name: 'Acme',
      client_id: expect.stringMatching(/^ehc_/),
      client_secret: expect.stringMatching(/^ehs_[\w-]{43}$/),
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  it('takes an id of the operator', async () => {
    const answer = await create({ name: 'Acme', id: 'acme_EU-1' });

    expect(answer.body.data.id).toBe('acme_EU-1');
  });

  it('keeps the hash of the secret only', async () => {
    const { id, client_secret: secret } = (await create({ name: 'Acme' })).body.data;

    const [row] = await system.database.query<{ client_secret_hash: Buffer; whole: string }>(
      'SELECT client_secret_hash, t::text AS whole FROM hook.tenants t WHERE id = $1',
      [id],
    );

    expect(row?.client_secret_hash).toEqual(createHash('sha256').update(secret).digest());
    expect(row?.whole).not.toContain(secret);
  });

  it('gives the tenant its quota and an audit row that names the admin and the request', async () => {
    const answer = await create({ name: 'Acme' });
    const { id } = answer.body.data;

    const quotas = await system.database.query('SELECT max_active_webhooks FROM hook.quotas WHERE tenant_id = $1', [
      id,
    ]);
    const audit = await system.database.query(
      'SELECT action, actor, target, request_id FROM hook.audit_logs WHERE tenant_id = $1',
      [id],
    );

    expect(quotas).toEqual([{ max_active_webhooks: 10 }]);
    expect(audit).toEqual([
      { action: 'tenant.created', actor: 'admin', target: `tenant:${id}`, request_id: answer.headers['x-request-id'] },
    ]);
  });

  it.each([255, 1])('takes a name of %i characters, counted as characters and not as bytes', async (length) => {
    const answer = await create({ name: '🪝'.repeat(length) });

    expect(answer.status).toBe(201);
  });
});

describe('POST /v1/tenants: 400', () => {
  it.each([
    ['no name', {}, 'name'],
    ['an empty name', { name: '' }, 'name'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, 'name'],
    ['a name with U+0000', { name: 'a\u0000b' }, 'name'],
    ['a name that is a number', { name: 5 }, 'name'],
    ['a name that is null', { name: null }, 'name'],
    ['an empty id', { name: 'x', id: '' }, 'id'],
    ['an id with a dot', { name: 'x', id: 'a.b' }, 'id'],
    ['an id of 65 characters', { name: 'x', id: 'a'.repeat(65) }, 'id'],
    ['an id that ends in a line break', { name: 'x', id: 'a\n' }, 'id'],
    ['a field that is unknown', { name: 'x', plan: 'gold' }, 'plan'],
    ['a body that is an array', [], 'body'],
    ['a body that is null', null, 'body'],
  ])('refuses %s and names it', async (_what, body, field) => {
    const answer = await create(body);

    expectRefusal(answer, 400, 'VALIDATION_ERROR', field);
  });

  it('refuses an id that is taken and leaves its owner as it was', async () => {
    await create({ name: 'First', id: 'taken' });

    const answer = await create({ name: 'Second', id: 'taken' });

    expectRefusal(answer, 400, 'VALIDATION_ERROR', 'id');
    expect(await system.database.query("SELECT name FROM hook.tenants WHERE id = 'taken'")).toEqual([
      { name: 'First' },
    ]);
  });

  it('gives an id to one of many that ask for it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => create({ name: 'x', id: 'raced' })));

    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(400)]);
  });

  it('stores nothing of a refused request', async () => {
    const count = async () => (await system.database.query<{ n: string }>('SELECT count(*) AS n FROM hook.tenants'))[0];
    const before = await count();

    await create({ name: 'x', plan: 'gold' });

    expect(await count()).toEqual(before);
  });
});

describe('POST /v1/tenants: 401 and 403', () => {
  it.each([
    ['no credentials', undefined],
    ['a wrong token', 'Bearer wrong'],
    ['half of the admin token', `Bearer ${adminToken.slice(0, -1)}`],
    ['the admin token under another scheme', `Basic ${adminToken}`],
    ['an empty bearer token', 'Bearer '],
  ])('refuses %s', async (_what, authorization) => {
    const answer = await system.call('POST', '/v1/tenants', {
      body: { name: 'x' },
      headers: authorization === undefined ? {} : { authorization },
    });

    expectRefusal(answer, 401, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
  });

  it('judges the caller before the body', async () => {
    const answer = await system.call('POST', '/v1/tenants', { text: 'not json' });

    expectRefusal(answer, 401, 'UNAUTHORIZED');
  });

  it("refuses a tenant's token", async () => {
    const tenant = await system.createTenant();

    const answer = await create({ name: 'x' }, tenant.token);

    expectRefusal(answer, 403, 'FORBIDDEN');
  });

  it('is closed to everybody when no admin token is set', async () => {
    const closed = await TestSystem.start({ env: { ADMIN_TOKEN: '' } });

    const answers = [
      await closed.call('POST', '/v1/tenants', { body: { name: 'x' }, token: adminToken }),
      await closed.call('POST', '/v1/tenants', { body: { name: 'x' }, token: 'undefined' }),
    ];

    await closed.stop();
    for (const answer of answers) expectRefusal(answer, 401, 'UNAUTHORIZED');
  });
});
