/** Payloads that Temporal stores encrypted: a delivery's history tells nothing, and what is in clear is refused. */
import { randomBytes, randomUUID } from 'node:crypto';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { deliveryWorkflowId } from '../../src/domain/ids';
import { deliveryWorkflowType } from '../../src/temporal/contracts';
import { createTemporalClient } from '../../src/temporal/client';
import { payloadCodec } from '../../src/temporal/payload-codec';
import { TestSystem } from '../support/system';
import { waitFor } from '../support/wait-for';

const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const oldKey = newKey('2026-10');

let system: TestSystem;

beforeAll(async () => {
  system = await TestSystem.start({ worker: true, env: { PAYLOAD_CODEC_KEYS: `${newKey('2026-11')},${oldKey}` } });
}, 60_000);

afterAll(() => system.stop());

/** All that the server has of the run, as text, with every base64 field also as what it stands for. */
async function storedOf(workflowId: string): Promise<string> {
  const { client } = system.ctx.temporal;
  const history = historyToJSON(await client.workflow.getHandle(workflowId).fetchHistory());
  const decoded = [...history.matchAll(/"([A-Za-z0-9+/]{8,}={0,2})"/g)].map(([, text = '']) =>
    Buffer.from(text, 'base64').toString('latin1'),
  );
  return [history, ...decoded].join('\n');
}

it('the history of a delivery holds its input, results and failure encrypted', async () => {
  const tenant = await system.createTenant();
  const receiver = await system.startReceiver(400);
  await system.createWebhook(tenant, { url: receiver.url });
  const canary = 'canary.of.the.event.type';

  const [id = ''] = await system.publish(tenant, { type: canary });
  await system.deliveryWith(tenant, id, 'DEAD_LETTER');
  const closed = () =>
    storedOf(deliveryWorkflowId(id)).then((text) => text.includes('workflowExecutionFailed') && text);
  const stored = await waitFor(closed, 'the workflow to have failed');

  // Search attributes are what Temporal finds workflows by; it has them in clear.
  const canaries = stored.split(canary).length - 1;
  const inSearchAttributes = Buffer.from(JSON.stringify(canary)).toString('base64');
  expect(canaries).toBe(stored.split(inSearchAttributes).length - 1);
  expect(canaries).toBe(1);
  expect(stored).not.toMatch(/REJECTED after|HTTP 400|delays_ms|order\.created →/);
  expect(stored).toContain('Encoded failure');
  expect(stored).toContain('binary/encrypted');
  expect(stored).toContain('2026-11');
});

it('a workflow whose input is in clear does not run', async () => {
  const { connection, options } = system.ctx.temporal.client;
  const clear = createTemporalClient(connection, options.namespace, undefined);
  const start = { taskQueue: system.ctx.config.TEMPORAL_TASK_QUEUE, args: [{ delivery_id: 'in clear' }] };

  const handle = await clear.workflow.start(deliveryWorkflowType, { ...start, workflowId: `clear-${randomUUID()}` });
  const failure = await waitFor(async () => {
    const { events } = await handle.fetchHistory();
    const failed = events?.find((event) => event.workflowTaskFailedEventAttributes);
    return failed?.workflowTaskFailedEventAttributes?.failure ?? undefined;
  }, 'the first task to fail');
  await handle.terminate();

  expect(failure.message).toBe('Encoded failure');
  const attributes = await payloadCodec(system.ctx.config)?.decode([failure.encodedAttributes ?? {}]);
  expect(Buffer.from(attributes?.[0]?.data ?? []).toString()).toContain('a payload in clear is refused');
});
