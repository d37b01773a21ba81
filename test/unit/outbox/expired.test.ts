import { endExpired } from '../../../src/outbox/expired';
import type { ExpiredDelivery } from '../../../src/store/expiry';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

const some = (count: number, tenantId = 't1'): ExpiredDelivery[] =>
  Array.from({ length: count }, (_, n) => ({ id: `${tenantId}-d${n}`, tenantId, webhookId: 'w1', attempts: 0 }));

function arrange(batches: ExpiredDelivery[][]) {
  const memory = createMemoryTelemetry();
  const noted: string[] = [];
  const told: string[][] = [];
  const state = { looks: 0 };
  const end = () =>
    endExpired({
      telemetry: memory.telemetry,
      expire(limit) {
        expect(limit).toBe(500);
        state.looks++;
        return Promise.resolve(batches.shift() ?? []);
      },
      dlqLimit: { note: (tenantId) => noted.push(tenantId) },
      operationalEvents: {
        tell(tenantId, deliveryIds) {
          told.push([tenantId, ...deliveryIds]);
          return Promise.resolve();
        },
      },
    });
  return { memory, noted, told, state, end };
}

it('tells of each of them: the log, the limit of dead letters and whoever asked to hear of them', async () => {
  const { memory, noted, told, end } = arrange([[...some(2), ...some(1, 't2')]]);

  await end();

  const entry = { event: 'hook.dead_lettered', reason: 'EXPIRED', webhook_id: 'w1', attempts: 0 };
  expect(memory.entries()).toMatchObject([
    { ...entry, delivery_id: 't1-d0', tenant_id: 't1' },
    { ...entry, delivery_id: 't1-d1', tenant_id: 't1' },
    { ...entry, delivery_id: 't2-d0', tenant_id: 't2' },
  ]);
  expect(noted).toEqual(['t1', 't2']);
  expect(told).toEqual([
    ['t1', 't1-d0', 't1-d1'],
    ['t2', 't2-d0'],
  ]);
});

it('goes on until there are none', async () => {
  const { state, told, end } = arrange([some(500), some(500), some(3)]);

  await end();

  expect(state.looks).toBe(3);
  expect(told.flat()).toHaveLength(1003 + 3);
});
