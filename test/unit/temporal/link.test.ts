/** Connecting to a server that answers and is not ready yet, on connections of plain objects. */
import { NativeConnection } from '@temporalio/worker';
import { toDeliveryStart } from '../../../src/outbox/delivery-start';
import { TemporalLink } from '../../../src/temporal/link';
import { claimedDelivery } from '../outbox/claimed-delivery';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

afterEach(() => void jest.restoreAllMocks());

const noneMissing = () => Promise.resolve({ customAttributes: {} });

function arrange(listSearchAttributes: () => Promise<{ customAttributes: object }>, workflowService = {}) {
  const state = { connected: 0, closed: 0 };
  jest.spyOn(NativeConnection, 'connect').mockImplementation(() => {
    state.connected++;
    return Promise.resolve({
      operatorService: { listSearchAttributes, addSearchAttributes: () => Promise.resolve({}) },
      workflowService,
      withDeadline: (_deadline: number, call: () => Promise<unknown>) => call(),
      close: () => Promise.resolve(void state.closed++),
    } as unknown as NativeConnection);
  });
  const { telemetry, entries } = createMemoryTelemetry();
  const { log } = telemetry;
  const link = new TemporalLink({ address: 'temporal:7233', namespace: 'default', taskQueue: 'everhook', log });
  return { link, state, entries };
}

describe('a link', () => {
  it('keeps no connection of a try that came to nothing', async () => {
    let tries = 0;
    const { link, state } = arrange(() =>
      ++tries < 3 ? Promise.reject(new Error('no such namespace')) : Promise.resolve({ customAttributes: {} }),
    );

    await link.connect();

    expect(state).toEqual({ connected: 3, closed: 2 });
  });

  it('that is closed while the server is asked keeps no connection', async () => {
    let answer: () => void = () => {};
    const asked = new Promise<void>((resolve) => (answer = resolve));
    const { link, state } = arrange(() => asked.then(() => ({ customAttributes: {} })));

    const connecting = link.connect();
    await new Promise(setImmediate);
    await link.close();
    answer();
    await connecting;
    await new Promise(setImmediate);

    expect(state).toEqual({ connected: 1, closed: 1 });
  });

  it('starts without search attributes that the server does not know, and tries with them a minute later', async () => {
    const now = jest.spyOn(performance, 'now').mockReturnValue(1_000_000);
    let known = false;
    const sent: boolean[] = [];
    const { link, entries } = arrange(noneMissing, {
      startWorkflowExecution({ searchAttributes }: { searchAttributes?: object }) {
        sent.push(searchAttributes !== undefined);
        if (known || !searchAttributes) return Promise.resolve({ runId: 'run' });
        const refusal = { code: 3, details: 'Namespace default has no mapping defined for search attribute TenantId' };
        return Promise.reject(Object.assign(new Error('INVALID_ARGUMENT'), refusal));
      },
    });
    await link.connect();
    const start = toDeliveryStart(claimedDelivery());

    await link.start(start);
    known = true;
    await link.start(start);
    now.mockReturnValue(1_060_000);
    await link.start(start);

    expect(sent).toEqual([true, false, false, true]);
    expect(entries()).toMatchObject([{ level: 'warn', event: 'temporal.search_attributes_missing' }]);
  });
});
