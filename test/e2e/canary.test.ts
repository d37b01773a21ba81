/**
 * Secrets that are planted once and looked for everywhere: in the log, the metrics, every table and everything that
 * Temporal keeps, as they are, in hexadecimal, in Base64 and as a URL spells them.
 */
import { createHash } from 'node:crypto';
import { temporal } from '@temporalio/proto';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';
import { createMemoryTelemetry } from '../unit/telemetry/memory-telemetry';

let system: TestSystem;
let tenant: TestTenant;
const { telemetry, lines } = createMemoryTelemetry();
const canaries: Record<string, string> = {};
let handedOut: string[];

/** Long enough to be found by chance nowhere. */
const canary = (name: string): string =>
  (canaries[name] = `canary-${name}-${createHash('sha1').update(name).digest('hex')}`);

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, log: telemetry.log });
  tenant = await system.createTenant();
  await course();
  await waitFor(async () => {
    const open = "SELECT 1 FROM hook.deliveries WHERE status NOT IN ('SUCCESS', 'DEAD_LETTER', 'CANCELLED', 'PAUSED')";
    return (await system.database.query(open)).length === 0;
  }, 'everything to have ended');
}, 90_000);

afterAll(() => system.stop());

/** What a tenant does in its life: all that touches a secret, and what goes wrong with each. */
async function course(): Promise<void> {
  const call = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: object, token = tenant.token) =>
    system.call(method, url, { token, ...(body && { body }) });
  const echo = await system.startReceiver((response, { headers }, count) => {
    response.writeHead(count % 2 === 0 ? 200 : 503, { 'x-echo': String(headers['x-team']), 'x-api-key': 'theirs' });
    response.end(JSON.stringify({ received: headers }));
  });
  const refusing = await system.startReceiver((response, { headers }) =>
    response.writeHead(400).end(`no: ${String(headers['x-team'])} and Authorization: Bearer ${canary('bearer')}`),
  );
  const retry = { delays_seconds: [1, 1] };
  const given = { secret: canary('secret'), headers: { 'X-Team': canary('header') }, retry_policy: retry };
  const webhook = await system.createWebhook(tenant, { url: `${echo.url}?k=${canary('query')}`, ...given });
  const direct = await system.createWebhook(tenant, { url: echo.url, ...given, lane: 'direct' });
  const generated = await system.createWebhook(tenant, { url: refusing.url, headers: given.headers });
  await system.createWebhook(tenant, { url: 'http://127.0.0.1:1/', ...given });

  const key = (await call('POST', '/v1/keys', { name: 'k', scopes: ['write:events'] })).body.data;
  await system.publish(tenant, { payload: { card: canary('payload') } });
  await system.call('POST', '/v1/events', { body: { type: 'a.b', payload: 1 }, headers: { 'x-api-key': key.key } });
  const rotated = await call('POST', `/v1/webhooks/${webhook.id}/rotate-secret`, { secret: canary('rotated') });
  const rotatedAgain = await call('POST', `/v1/webhooks/${generated.id}/rotate-secret`, {});
  await system.publish(tenant, { payload: { card: canaries['payload'] } });
  await call('POST', `/v1/webhooks/${webhook.id}/test`, {});
  await call('PATCH', `/v1/webhooks/${webhook.id}`, { headers: { 'X-Other': canary('changed') } });
  await waitFor(async () => (await call('GET', '/v1/dlq')).body.data.length > 0, 'a dead letter');
  const [letter] = (await call('GET', '/v1/dlq')).body.data;
  await call('POST', `/v1/dlq/${letter.delivery_id}/retry`);
  await call('POST', `/v1/webhooks/${direct.id}/pause`, { reason: `leaked: secret=${canary('reason')}` });
  await system.publish(tenant);

  // Mistakes, each with a secret in it.
  await call('GET', '/v1/webhooks', undefined, canary('token'));
  await system.call('GET', '/v1/keys', { headers: { 'x-api-key': canary('key') } });
  await call('POST', '/v1/webhooks', { url: 'https://example.com', secret: 7, headers: { Host: canary('refused') } });
  await call('POST', '/v1/webhooks', { url: `https://user:${canary('password')}@example.com/` });
  await system.call('POST', '/v1/auth', {
    body: { grant_type: 'client_credentials', client_id: tenant.clientId, client_secret: canary('guess') },
  });

  handedOut = [
    tenant.clientSecret,
    tenant.token,
    key.key,
    generated.secret,
    rotatedAgain.body.data.secret,
    system.ctx.config.ADMIN_TOKEN ?? '',
    system.ctx.config.JWT_SECRET,
  ];
  expect(rotated.status).toBe(200);
  expect(handedOut.every((secret) => typeof secret === 'string' && secret.length >= 12)).toBe(true);
}

/** Every way in which a secret may be written; Base64 depends on where in a text it begins. */
function spellings(secret: string): string[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString('base64');
    // Only what no neighbour can change.
    return text.slice(Math.ceil((shift * 4) / 3), -4);
  });
  const raw = secret.startsWith('whsec_') ? [secret.slice('whsec_'.length)] : [];
  return [secret, ...raw, Buffer.from(secret).toString('hex'), ...base64, encodeURIComponent(secret)];
}

function found(text: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => spellings(secret).some((spelling) => text.includes(spelling)));
}

/** All rows of all tables as text, the bytes of a bytea both in hexadecimal and as text. */
async function dump(): Promise<Map<string, string>> {
  const tables = await system.database.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const texts = new Map<string, string>();
  for (const { name } of tables) {
    const rows = await system.database.query<Record<string, unknown>>(`SELECT * FROM ${name}`);
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) {
        const text = Buffer.isBuffer(value) ? value.toString('latin1') + value.toString('hex') : JSON.stringify(value);
        texts.set(`${name}.${column}`, `${texts.get(`${name}.${column}`) ?? ''}\n${text}`);
      }
    }
  }
  return texts;
}

/** Everything that Temporal keeps of the workflows of this system: histories, memos, attributes, details. */
async function temporalText(): Promise<{ text: string; workflows: number }> {
  const { workflow } = system.ctx.temporal.client;
  const History = temporal.api.history.v1.History;
  const query = `TaskQueue = '${system.ctx.config.TEMPORAL_TASK_QUEUE}'`;
  let text = '';
  let workflows = 0;
  for await (const info of workflow.list({ query })) {
    workflows++;
    const handle = workflow.getHandle(info.workflowId, info.runId);
    const history = History.toObject(History.create(await handle.fetchHistory()), { bytes: String, enums: String });
    const json = JSON.stringify(history);
    const decoded = [...json.matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64'),
    );
    const { raw } = await handle.describe();
    text += json + Buffer.concat(decoded).toString() + JSON.stringify(raw) + info.workflowId;
    const metadata = await handle.query('__temporal_workflow_metadata').catch(() => '');
    text += JSON.stringify(metadata);
  }
  return { text, workflows };
}

describe('a secret of Everhook or of a tenant', () => {
  it('is in no table, encrypted as it is there; payloads are where they are kept and nowhere else', async () => {
    const { payload = '', query = '', ...others } = canaries;
    const texts = await dump();

    const hits = [...texts].flatMap(([column, text]) =>
      found(text, [...Object.values(others), ...handedOut]).map((secret) => `${column}: ${secret}`),
    );
    const holding = (secret: string) =>
      [...texts].filter(([, text]) => found(text, [secret]).length > 0).map(([column]) => column);

    expect(hits).toEqual([]);
    expect(holding(payload)).toEqual(['hook.events.payload_snapshot']);
    // A URL is a setting that its owner reads back.
    expect(holding(query)).toEqual(['hook.webhook_configs.url']);
    expect(texts.size).toBeGreaterThan(100);
  });

  it('is in no line of the log, whatever its level, nor in the metrics', async () => {
    const metrics = await system.ctx.telemetry.metrics.registry.metrics();

    expect(lines.length).toBeGreaterThan(50);
    expect(found(lines.join('') + metrics, [...Object.values(canaries), ...handedOut])).toEqual([]);
  });

  it('is in nothing that Temporal keeps', async () => {
    const { text, workflows } = await temporalText();

    expect(workflows).toBeGreaterThan(5);
    expect(text).toContain(tenant.id);
    expect(found(text, [...Object.values(canaries), ...handedOut])).toEqual([]);
  });

  it('would be found', () => {
    const secret = canaries['secret'] ?? '';
    const hidden = ['a', 'ab', 'abc'].map((before) => Buffer.from(`${before}${secret}after`).toString('base64'));

    for (const text of [...hidden, Buffer.from(secret).toString('hex'), `x${secret}x`])
      expect(found(text, [secret])).toEqual([secret]);
  });
});
