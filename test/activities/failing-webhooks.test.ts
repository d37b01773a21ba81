import { ownType, publishedAttempt } from '../support/attempts';
import type { Answer } from '../support/receiver';
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

/** A webhook whose last attempts have failed for so long, after one more attempt that is answered so. */
async function afterAttempt(failures: number, days: number, answer: Answer) {
  const receiver = await system.startReceiver(answer);
  const input = await publishedAttempt(system, tenant, { url: receiver.url, event: ownType() });
  await system.database.query(
    `UPDATE hook.webhook_configs
     SET consecutive_failures = $2, failing_since = now() - $3 * interval '1 day' WHERE id = $1`,
    [input.webhook_id, failures, days],
  );
  await system.ctx.attempt(input);
  const { body } = await system.call('GET', `/v1/webhooks/${input.webhook_id}`, { token: tenant.token });
  return { webhook: body.data, input };
}

it('a webhook that fails for the twentieth time and for five days is paused', async () => {
  const { webhook } = await afterAttempt(19, 5.01, 500);

  expect(webhook).toMatchObject({ state: 'paused', state_reason: 'failing' });
  const audit = await system.database.query('SELECT action, actor FROM hook.audit_logs WHERE target = $1 ORDER BY id', [
    `webhook:${webhook.id}`,
  ]);
  expect(audit.at(-1)).toEqual({ action: 'webhook.paused', actor: 'everhook' });
});

it.each([
  ['the nineteenth time', 18, 6, 500],
  ['less than five days', 500, 4.99, 500],
  ['no longer', 500, 6, 204],
])('one that fails for %s goes on', async (_name, failures, days, answer) => {
  const { webhook } = await afterAttempt(failures, days, answer);

  expect(webhook).toMatchObject({ state: 'active', state_reason: null });
});

it('is not paused when it has succeeded while the attempt was under way', async () => {
  const { webhook } = await afterAttempt(500, 6, (response) => {
    void system.database
      .query('UPDATE hook.webhook_configs SET consecutive_failures = 0, failing_since = NULL WHERE tenant_id = $1', [
        tenant.id,
      ])
      .then(() => response.writeHead(500).end());
  });

  expect(webhook.state).toBe('active');
});

it('starts counting afresh when it is resumed', async () => {
  const { webhook } = await afterAttempt(500, 6, 500);

  await system.ctx.changeState({
    tenantId: tenant.id,
    webhookId: webhook.id,
    action: 'resume',
    reason: null,
    actor: { name: 'somebody' },
  });

  const [row] = await system.database.query(
    'SELECT consecutive_failures, failing_since FROM hook.webhook_configs WHERE id = $1',
    [webhook.id],
  );
  expect(row).toEqual({ consecutive_failures: 0, failing_since: null });
});
