import { TestSystem, type ApiAnswer, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
});

afterAll(() => system.stop());

const url = 'https://example.com/hook';
const headerValue = 'Bearer receiver-credential-4711';
const create = (settings: object) =>
  system.call('POST', '/v1/webhooks', { token: tenant.token, body: { url, ...settings } });

/** Every answer that shows the webhook after it was made. */
async function laterAnswers(id: string): Promise<string> {
  const call = (method: 'GET' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<ApiAnswer> =>
    system.call(method, path, { token: tenant.token, body });
  const answers = [
    await call('GET', `/v1/webhooks/${id}`),
    await call('GET', '/v1/webhooks'),
    await call('PATCH', `/v1/webhooks/${id}`, { description: 'x' }),
    await call('PUT', `/v1/webhooks/${id}`, { description: 'y' }),
    await call('PATCH', `/v1/webhooks/${id}`, { timeout_ms: 1 }),
    await call('DELETE', `/v1/webhooks/${id}`),
  ];
  return answers.map(({ text }) => text).join('\n');
}

async function storedRows(id: string): Promise<string> {
  const rows = await system.database.query<{ row: string }>(
    `SELECT w::text AS row FROM hook.webhook_configs w WHERE id = $1
     UNION ALL SELECT encode(secret_enc, 'escape') FROM hook.webhook_configs WHERE id = $1
     UNION ALL SELECT encode(headers_enc, 'escape') FROM hook.webhook_configs WHERE id = $1 AND headers_enc IS NOT NULL
     UNION ALL SELECT a::text FROM hook.audit_logs a WHERE target = 'webhook:' || $1`,
    [id],
  );
  return rows.map(({ row }) => row).join('\n');
}

describe('the secret of a webhook', () => {
  it('is generated when left out, returned once, and never again', async () => {
    const { body } = await create({});

    const { id, secret } = body.data;

    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect(await laterAnswers(id)).not.toContain(secret);
    expect(await storedRows(id)).not.toContain(secret);
  });

  it('is never returned when it was given', async () => {
    const secret = 'a secret of my own';

    const { text, body } = await create({ secret });

    expect(text).not.toContain(secret);
    expect(body.data).not.toHaveProperty('secret');
    expect(await laterAnswers(body.data.id)).not.toContain(secret);
    expect(await storedRows(body.data.id)).not.toContain(secret);
  });

  it.each([
    ['16 characters', 'x'.repeat(16)],
    ['128 characters', 'x'.repeat(128)],
    ['characters beyond ASCII', 'schlüssel🪝schlüssel'],
    ['whsec_ and base64 of 16 bytes', `whsec_${Buffer.alloc(16, 1).toString('base64')}`],
    ['whsec_ and base64 of 75 bytes', `whsec_${Buffer.alloc(75, 1).toString('base64')}`],
  ])('is stored sealed and opens to what was given: %s', async (_what, secret) => {
    const { body } = await create({ secret });
    const { id } = body.data;
    const [row] = await system.database.query<{ secret_enc: Buffer }>(
      'SELECT secret_enc FROM hook.webhook_configs WHERE id = $1',
      [id],
    );

    const place = { tenantId: tenant.id, table: 'webhook_configs', rowId: id, column: 'secret_enc' };

    expect(row?.secret_enc.includes(secret)).toBe(false);
    expect(await system.ctx.secrets.open(place, row?.secret_enc ?? Buffer.alloc(0))).toBe(secret);
    await system.call('DELETE', `/v1/webhooks/${id}`, { token: tenant.token });
  });

  it('differs for each webhook, and so does its sealed form for the same secret', async () => {
    const first = await create({});
    const second = await create({});
    const same = [await create({ secret: 'the very same secret' }), await create({ secret: 'the very same secret' })];

    const sealed = await system.database.query<{ n: string }>(
      'SELECT count(DISTINCT secret_enc) AS n FROM hook.webhook_configs WHERE id = ANY($1)',
      [same.map(({ body }) => body.data.id)],
    );

    expect(first.body.data.secret).not.toBe(second.body.data.secret);
    expect(sealed).toEqual([{ n: '2' }]);
  });
});

describe('the headers of a webhook', () => {
  it('show their names and never their values', async () => {
    const { body, text } = await create({ headers: { Authorization: headerValue, 'X-Team': 'team-4711' } });

    const seen = [text, await laterAnswers(body.data.id), await storedRows(body.data.id)].join('\n');

    expect(body.data.headers).toEqual({ Authorization: '***REDACTED***', 'X-Team': '***REDACTED***' });
    expect(seen).not.toContain('4711');
  });

  it('cannot be overwritten by the mask that stands for them', async () => {
    const { body } = await create({ headers: { Authorization: headerValue } });

    const answer = await system.call('PATCH', `/v1/webhooks/${body.data.id}`, {
      token: tenant.token,
      body: { headers: body.data.headers },
    });

    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'VALIDATION_ERROR', field: 'headers' } } });
  });

  it('are replaced as a whole, and taken away by an empty object', async () => {
    const { body } = await create({ headers: { 'X-Old': 'v' } });
    const path = `/v1/webhooks/${body.data.id}`;

    const replaced = await system.call('PATCH', path, { token: tenant.token, body: { headers: { 'X-New': 'v' } } });
    const emptied = await system.call('PATCH', path, { token: tenant.token, body: { headers: {} } });

    expect(Object.keys(replaced.body.data.headers)).toEqual(['X-New']);
    expect(emptied.body.data.headers).toEqual({});
    expect(
      await system.database.query('SELECT headers_enc FROM hook.webhook_configs WHERE id = $1', [body.data.id]),
    ).toEqual([{ headers_enc: null }]);
  });

  it('never come back in an error that refuses them', async () => {
    const answer = await create({ headers: { Host: headerValue } });

    expect(answer.status).toBe(400);
    expect(answer.text).toContain('Host');
    expect(answer.text).not.toContain(headerValue);
  });
});
