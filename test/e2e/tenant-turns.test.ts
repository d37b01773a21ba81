/** Whose workflow goes on next while many wait in Temporal for a worker. */
import { Connection } from '@temporalio/client';
import { newId } from '../../src/domain/ids';
import { toDeliveryStart } from '../../src/outbox/delivery-start';
import { createTemporalClient, startDelivery } from '../../src/temporal/client';
import { sharedServers } from '../support/shared-servers';
import { claimedDelivery } from '../unit/outbox/claimed-delivery';

it('hands out in turn between tenants what waits in Temporal', async () => {
  const connection = await Connection.connect({ address: sharedServers().temporalAddress });
  const client = createTemporalClient(connection, 'default', undefined);
  const options = { taskQueue: `turns-${newId()}`, eager: false, withSearchAttributes: false };
  const start = (tenantId: string) =>
    startDelivery(client, toDeliveryStart(claimedDelivery({ id: newId(), tenantId })), options);
  const next = async (): Promise<string> => {
    const poll = { namespace: 'default', taskQueue: { name: options.taskQueue }, identity: 'turns' };
    const task = await client.withDeadline(Date.now() + 10_000, () =>
      client.workflowService.pollWorkflowTaskQueue(poll),
    );
    const input = task.history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    return (JSON.parse(Buffer.from(input ?? '').toString()) as { tenant_id: string }).tenant_id;
  };
  try {
    for (let n = 0; n < 30; n++) await start('flooding');
    await start('other');
    await start('other');

    const handedOut = [await next(), await next(), await next(), await next()];

    expect(handedOut.toSorted()).toEqual(['flooding', 'flooding', 'other', 'other']);
  } finally {
    await connection.close();
  }
});
