/** The saved views of docs/support.md, read out of it: each finds what it says, and nothing else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../src/version';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

const text = readFileSync(join(projectFolder, 'docs', 'support.md'), 'utf8');

/** Rows of the table: `| [name](link) | \`query\` |`. */
const views = new Map(
  [...text.matchAll(/^\| \[([^\]]+)\]\((\S+)\) +\| `([^`]+)` +\|/gm)].map(([, name = '', link = '', query = '']) => [
    name,
    { link, query },
  ]),
);

let system: TestSystem;
let tenant: TestTenant;
/** Workflow ids, by what has become of them. */
let ids: Record<'delivered' | 'deadLetter' | 'otherDeadLetter' | 'waiting' | 'parked' | 'cancelled', string>;
let webhooks: Record<'healthy' | 'refusing' | 'otherRefusing' | 'failing' | 'paused', string>;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true });
  tenant = await system.createTenant();
  const failingForLong = { retry_policy: { delays_seconds: [3600] } };
  webhooks = {
    healthy: await webhook('order.created', 204),
    refusing: await webhook('invoice.paid', 400),
    otherRefusing: await webhook('invoice.sent', 400),
    failing: await webhook('customer.*', 503, failingForLong),
    paused: await webhook('parcel.sent', 503, failingForLong),
  };
  const parked = await delivery('parcel.sent', 'FAILED_RETRY');
  await system.call('POST', `/v1/webhooks/${webhooks.paused}/pause`, { token: tenant.token });
  await retryNow(parked);
  ids = {
    delivered: await delivery('order.created', 'SUCCESS'),
    deadLetter: await delivery('invoice.paid', 'DEAD_LETTER'),
    otherDeadLetter: await delivery('invoice.sent', 'DEAD_LETTER'),
    waiting: await delivery('customer.created', 'FAILED_RETRY'),
    parked,
    cancelled: await delivery('customer.changed', 'FAILED_RETRY'),
  };
  await system.deliveryWith(tenant, parked.replace('delivery:', ''), 'PAUSED');
  await system.ctx.temporal.client.workflow.getHandle(ids.cancelled).signal('cancel');
  await system.deliveryWith(tenant, ids.cancelled.replace('delivery:', ''), 'CANCELLED');
}, 60_000);

afterAll(() => system.stop());

async function webhook(type: string, answer: number, settings = {}): Promise<string> {
  const receiver = await system.startReceiver(answer);
  const { id } = await system.createWebhook(tenant, { url: receiver.url, event_types: [type], ...settings });
  return id as string;
}

async function delivery(type: string, status: string): Promise<string> {
  const [id = ''] = await system.publish(tenant, { type, id: `${type}-${tenant.id}` });
  await system.deliveryWith(tenant, id, status);
  return `delivery:${id}`;
}

async function retryNow(workflowId: string): Promise<void> {
  await system.ctx.temporal.client.workflow.getHandle(workflowId).signal('retryNow');
}

/** With the placeholders filled in, and kept to this tenant where the view is not. */
function queryOf(name: string): string {
  const { query = '' } = views.get(name) ?? {};
  const filled = query
    .replaceAll('<event id>', `invoice.paid-${tenant.id}`)
    .replaceAll('<webhook id>', webhooks.refusing)
    .replaceAll('<tenant id>', tenant.id);
  return `(${filled}) AND TenantId = '${tenant.id}'`;
}

async function found(query: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId } of system.ctx.temporal.client.workflow.list({ query })) found.push(workflowId);
  return found.sort();
}

const expected = (): Record<string, string[]> => ({
  'Deliveries of an event': [ids.deadLetter],
  'Deliveries of a webhook': [ids.deadLetter],
  'Deliveries of a tenant': Object.values(ids),
  'Dead letters of a webhook': [ids.deadLetter],
  'All dead letters': [ids.deadLetter, ids.otherDeadLetter],
  Parked: [ids.parked],
  'Failing now': [ids.waiting],
  Cancelled: [ids.cancelled],
  'Control workflows': Object.values(webhooks).map((id) => `webhook:${id}`),
});

it('are all in the document, and all tried here', () => {
  expect([...views.keys()]).toEqual(Object.keys(expected()));
});

it.each([...views.keys()])('"%s" finds what it says, and nothing else', async (name) => {
  const awaited = (expected()[name] ?? []).toSorted();

  // The list follows the workflows with a delay.
  const seen = await waitFor(
    async () => {
      const seen = await found(queryOf(name));
      return seen.join() === awaited.join() && seen;
    },
    `${queryOf(name)} to find ${awaited.join()}`,
  ).catch(() => found(queryOf(name)));

  expect(seen).toEqual(awaited);
});

it.each([...views])('the link of "%s" asks the same', (_name, { link, query }) => {
  const url = new URL(link);

  expect(`${url.origin}${url.pathname}`).toBe('http://127.0.0.1:8233/namespaces/default/workflows');
  expect(url.searchParams.get('query')).toBe(query);
});
