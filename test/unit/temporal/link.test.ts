/** Connecting to a server that answers and is not ready yet, on connections of plain objects. */
import { NativeConnection } from '@temporalio/worker';
import { TemporalLink } from '../../../src/temporal/link';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

afterEach(() => void jest.restoreAllMocks());

function arrange(listSearchAttributes: () => Promise<{ customAttributes: object }>) {
  const state = { connected: 0, closed: 0 };
  jest.spyOn(NativeConnection, 'connect').mockImplementation(() => {
    state.connected++;
    return Promise.resolve({
      operatorService: { listSearchAttributes, addSearchAttributes: () => Promise.resolve({}) },
      close: () => Promise.resolve(void state.closed++),
    } as unknown as NativeConnection);
  });
  const { log } = createMemoryTelemetry().telemetry;
  const link = new TemporalLink({ address: 'temporal:7233', namespace: 'default', taskQueue: 'everhook', log });
  return { link, state };
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
});
