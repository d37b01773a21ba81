/** What "Call Stack" in the Temporal UI shows of a workflow. */
import { TestSystem } from '../support/system';
import { waitFor } from '../support/wait-for';

const systems: TestSystem[] = [];

afterAll(async () => {
  for (const system of systems) await system.stop();
});

async function callStackOfWaiting(env: Record<string, string>): Promise<string> {
  const system = await TestSystem.start({ worker: true, env });
  systems.push(system);
  const tenant = await system.createTenant();
  const receiver = await system.startReceiver(500);
  await system.createWebhook(tenant, { url: receiver.url });
  const [id = ''] = await system.publish(tenant);
  await system.deliveryWith(tenant, id, 'FAILED_RETRY');
  const workflow = system.ctx.temporal.client.workflow.getHandle(`delivery:${id}`);
  await waitFor(
    async () => (await workflow.query<{ state: string }>('status')).state === 'waiting',
    'the workflow to wait',
  );
  return workflow.query<string>('__stack_trace');
}

it('names no place, as traces are costly and the details tell where a delivery stands', async () => {
  expect(await callStackOfWaiting({})).not.toContain(' at ');
}, 60_000);

it('is where it waits, with WORKFLOW_STACK_TRACES', async () => {
  expect(await callStackOfWaiting({ WORKFLOW_STACK_TRACES: 'true' })).toContain('delivery-course.ts');
}, 60_000);
