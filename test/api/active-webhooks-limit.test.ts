/** max_active_webhooks holds however many requests meet. */
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

const create = (isActive = true) =>
  answered(() =>
    system.call('POST', '/v1/webhooks', {
      token: tenant.token,
      body: { url: 'https://example.com/', secret: 'a secret of my own', is_active: isActive },
    }),
  );

const enable = (id: string) =>
  answered(() => system.call('PATCH', `/v1/webhooks/${id}`, { token: tenant.token, body: { is_active: true } }));

/** They wait for each other's transactions, on a slow machine for longer than one waits for a connection: then it is 503. */
async function answered(ask: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
  }
}

async function disabledWebhooks(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await create(false)).body.data.id);
  return ids;
}

async function activeCount(): Promise<number> {
  const rows = await system.database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM hook.webhook_configs
     WHERE tenant_id = $1 AND state <> 'disabled' AND deleted_at IS NULL`,
    [tenant.id],
  );
  return rows[0]?.n ?? -1;
}

const countOf = (answers: ApiAnswer[], status: number) => answers.filter((answer) => answer.status === status).length;

describe('max_active_webhooks', () => {
  it('is reached exactly by 50 creations at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => create()));

    expect({ taken: countOf(answers, 201), refused: countOf(answers, 422) }).toEqual({ taken: 10, refused: 40 });
    expect(await activeCount()).toBe(10);
  });

  it('is reached exactly by 50 activations at once', async () => {
    const ids = await disabledWebhooks(50);

    const answers = await Promise.all(ids.map(enable));

    expect({ taken: countOf(answers, 200), refused: countOf(answers, 422) }).toEqual({ taken: 10, refused: 40 });
    expect(await activeCount()).toBe(10);
  });

  it('is reached exactly when both meet', async () => {
    const ids = await disabledWebhooks(25);

    const answers = await Promise.all(ids.flatMap((id) => [enable(id), create()]));

    expect(countOf(answers, 200) + countOf(answers, 201)).toBe(10);
    expect(countOf(answers, 422)).toBe(40);
    expect(await activeCount()).toBe(10);
  });

  it('is counted for each tenant alone', async () => {
    const other = await system.createTenant();
    await Promise.all(Array.from({ length: 10 }, () => create()));

    const webhook = await system.createWebhook(other, { url: 'https://example.com/' });

    expect(webhook.state).toBe('active');
  });

  it('follows the quota of the tenant', async () => {
    await system.database.query('UPDATE hook.quotas SET max_active_webhooks = 3 WHERE tenant_id = $1', [tenant.id]);

    const answers = await Promise.all(Array.from({ length: 5 }, () => create()));

    expect(countOf(answers, 201)).toBe(3);
  });
});
