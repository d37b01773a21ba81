import { createHealth, type CheckName, type Checks } from '../../src/health';
import { createMemoryTelemetry } from './telemetry/memory-telemetry';

const names: CheckName[] = ['database', 'temporal', 'kms'];
const allOk = { database: 'ok', temporal: 'ok', kms: 'ok' };

const answers = () => Promise.resolve();
const hangs = () => new Promise<never>(() => {});

function arrange(checks: Partial<Checks> = {}) {
  const { telemetry, entries } = createMemoryTelemetry();
  const health = createHealth({ database: answers, temporal: answers, kms: answers, ...checks }, telemetry.log);
  return { health, entries };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('health', () => {
  it('is ok when everything answers, and leaves no timer behind', async () => {
    const { health, entries } = arrange();

    expect(await health.check()).toEqual(allOk);
    expect(entries()).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each(names)('names %s when it fails, and logs why', async (name) => {
    const { health, entries } = arrange({ [name]: () => Promise.reject(new Error('connection refused')) });

    expect(await health.check()).toEqual({ ...allOk, [name]: 'down' });
    expect(entries()).toMatchObject([
      { level: 'warn', event: 'health.check_failed', check: name, err: { message: 'connection refused' } },
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes a check that throws for one that fails', async () => {
    const { health } = arrange({
      kms: () => {
        throw new Error('not connected');
      },
    });

    expect(await health.check()).toEqual({ ...allOk, kms: 'down' });
  });

  it.each(names)('is down for %s when it has not answered after 2 s', async (name) => {
    const { health, entries } = arrange({ [name]: hangs });
    let result: unknown;
    void health.check().then((checked) => (result = checked));

    await jest.advanceTimersByTimeAsync(1999);
    const before = result;
    await jest.advanceTimersByTimeAsync(1);

    expect(before).toBeUndefined();
    expect(result).toEqual({ ...allOk, [name]: 'down' });
    expect(entries()).toMatchObject([{ check: name, err: { message: 'no answer within 2000 ms' } }]);
  });

  it('takes 2 s also when everything hangs, because all are asked at once', async () => {
    const { health } = arrange({ database: hangs, temporal: hangs, kms: hangs });
    const checked = health.check();

    await jest.advanceTimersByTimeAsync(2000);

    expect(await checked).toEqual({ database: 'down', temporal: 'down', kms: 'down' });
  });

  it('does not mind a check that fails after its time', async () => {
    let failLate: (error: Error) => void = () => {};
    const { health } = arrange({ database: () => new Promise((_, reject) => (failLate = reject)) });
    const checked = health.check();
    await jest.advanceTimersByTimeAsync(2000);

    failLate(new Error('too late'));
    await jest.advanceTimersByTimeAsync(0);

    expect(await checked).toEqual({ ...allOk, database: 'down' });
  });

  it('asks once for all who ask within two seconds', async () => {
    let asked = 0;
    const { health } = arrange({ database: () => Promise.resolve(void asked++) });

    await Promise.all([health.check(), health.check(), health.last()]);
    await health.check();
    const within = asked;
    await jest.advanceTimersByTimeAsync(2001);
    await health.check();

    expect([within, asked]).toEqual([1, 2]);
  });

  it('tells at once what it knew last while something does not answer', async () => {
    let answering = true;
    const { health } = arrange({ kms: () => (answering ? answers() : hangs()) });
    await health.check();
    answering = false;
    await jest.advanceTimersByTimeAsync(2001);

    const last = await health.last();

    expect(last).toEqual(allOk);
    await jest.advanceTimersByTimeAsync(2000);
    expect(await health.last()).toEqual({ ...allOk, kms: 'down' });
  });
});
