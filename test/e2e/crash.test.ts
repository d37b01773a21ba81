import { startReceiver } from '../support/receiver';
import { TestSystem, type TestTenant } from '../support/system';
import { waitFor } from '../support/wait-for';

/** Each test ends one system in an awkward moment and lets another go on with its data. */
let tenant: TestTenant;

describe('a process that dies between commit and start', () => {
  it('leaves deliveries that the sweep of another process starts, once', async () => {
    // This one never reaches Temporal, so what it accepts is committed and not started.
    const before = await TestSystem.start({ env: { OUTBOX_CLAIM_MS: '1000' } });
    tenant = await before.createTenant();
    const receiver = await startReceiver();
    await before.createWebhook(tenant, { url: receiver.url });
    const ids = (await Promise.all(Array.from({ length: 20 }, () => before.publish(tenant)))).flat();
    await before.stop({ keepData: true });

    const after = await TestSystem.start({ worker: true, after: before, env: { RETRY_WORKER_INTERVAL_MS: '200' } });
    await Promise.all(ids.map((id) => after.deliveryWith(tenant, id, 'SUCCESS')));

    expect(receiver.arrivals.map(({ headers }) => headers['webhook-id']).sort()).toEqual([...ids].sort());
    await receiver.stop();
    await after.stop();
  });
});

describe('two processes that start the same delivery', () => {
  it('send it once', async () => {
    // The claim lapses at once, so the sweep takes over what this very process is starting.
    const system = await TestSystem.start({
      worker: true,
      env: { OUTBOX_CLAIM_MS: '1000', RETRY_WORKER_INTERVAL_MS: '100' },
    });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver((response) => setTimeout(() => response.writeHead(204).end(), 1_500));
    await system.createWebhook(tenant, { url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    // Taken over while its first attempt is still under way: its workflow exists, so it is left alone.
    await system.deliveryWith(tenant, id, 'IN_PROGRESS');
    await system.deliveryWith(tenant, id, 'SUCCESS');

    expect(receiver.arrivals).toHaveLength(1);
    await system.stop();
  });
});

describe('a process that stops while a delivery waits for its retry', () => {
  it('leaves the retry to the next process', async () => {
    const env = { TEMPORAL_TASK_QUEUE: `restart-${Date.now()}` };
    const before = await TestSystem.start({ worker: true, env });
    tenant = await before.createTenant();
    const receiver = await startReceiver(503);
    await before.createWebhook(tenant, { url: receiver.url, retry_policy: { delays_seconds: [2] } });
    const [id = ''] = await before.publish(tenant);
    await before.deliveryWith(tenant, id, 'FAILED_RETRY');
    await before.stop({ keepData: true });
    receiver.answer = 204;

    const after = await TestSystem.start({ worker: true, after: before, env });
    const delivery = await after.deliveryWith(tenant, id, 'SUCCESS');

    expect(delivery).toMatchObject({ attempts: 2 });
    await receiver.stop();
    await after.stop();
  });
});

describe('Temporal away', () => {
  it('does not keep events from being accepted; they are delivered when it is back', async () => {
    const system = await TestSystem.start({ env: { OUTBOX_CLAIM_MS: '1000' } });
    tenant = await system.createTenant();
    const receiver = await system.startReceiver();
    await system.createWebhook(tenant, { url: receiver.url });

    const [id = ''] = await system.publish(tenant);
    expect(await system.delivery(tenant, id)).toMatchObject({ status: 'PENDING', attempts: 0 });

    const back = await TestSystem.start({ worker: true, after: system, env: { RETRY_WORKER_INTERVAL_MS: '200' } });
    await waitFor(() => receiver.arrivals.length === 1);
    await back.deliveryWith(tenant, id, 'SUCCESS');
    await back.stop({ keepData: true });
    await system.stop();
  });
});
