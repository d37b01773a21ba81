import { DlqLimit } from '../../../src/delivery/dlq-limit';
import type { DeadLetterHolder } from '../../../src/store/dead-letter-holders';
import { createMemoryTelemetry } from '../telemetry/memory-telemetry';

const tooMany: DeadLetterHolder = { webhookId: 'w1', state: 'active', held: 60, total: 101, limit: 100 };

function setUp(find: (tenantId: string) => Promise<DeadLetterHolder | undefined> = () => Promise.resolve(tooMany)) {
  const looks: string[] = [];
  const paused: string[] = [];
  const memory = createMemoryTelemetry();
  const dlqLimit = new DlqLimit({
    telemetry: memory.telemetry,
    findLargestHolder: (tenantId) => {
      looks.push(tenantId);
      return find(tenantId);
    },
    pause: (_tenantId, webhookId) => Promise.resolve(paused.push(webhookId) > 0),
  });
  return { dlqLimit, looks, paused, ...memory };
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('the webhook that holds the most dead letters', () => {
  it.each<[string, Partial<DeadLetterHolder>, boolean]>([
    ['holds more than half of too many', {}, true],
    ['holds half of too many', { held: 51, total: 102 }, true],
    ['holds less than half', { held: 50, total: 101 }, false],
    ['holds all that are allowed', { held: 100, total: 100 }, false],
    ['is paused', { state: 'paused' }, false],
    ['is disabled', { state: 'disabled' }, false],
    ['was deleted', { state: null }, false],
  ])('%s', async (_what, change, isPaused) => {
    const { dlqLimit, paused } = setUp(() => Promise.resolve({ ...tooMany, ...change }));

    dlqLimit.note('acme');
    await jest.advanceTimersByTimeAsync(1_000);

    expect(paused).toEqual(isPaused ? ['w1'] : []);
  });

  it('is told of in the log and counted', async () => {
    const { dlqLimit, entries, metric } = setUp();

    dlqLimit.note('acme');
    await jest.advanceTimersByTimeAsync(1_000);

    expect(entries()).toMatchObject([
      {
        level: 'warn',
        event: 'webhook.dlq_full',
        tenant_id: 'acme',
        webhook_id: 'w1',
        held: 60,
        total: 101,
        limit: 100,
      },
    ]);
    expect(await metric('hook_webhooks_paused_dlq_full_total')).toBe(1);
  });
});

describe('a burst of dead letters', () => {
  it('is looked at once a second, and once after its last', async () => {
    const { dlqLimit, looks } = setUp();

    for (let ms = 0; ms < 2_500; ms += 5) {
      dlqLimit.note('acme');
      await jest.advanceTimersByTimeAsync(5);
    }
    expect(looks).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(10_000);

    expect(looks).toHaveLength(3);
  });

  it('is looked at again when one comes during a look', async () => {
    let end: (holder: undefined) => void = () => {};
    const { dlqLimit, looks } = setUp(() => new Promise((resolve) => (end = resolve)));
    dlqLimit.note('acme');
    await jest.advanceTimersByTimeAsync(1_000);

    dlqLimit.note('acme');
    await jest.advanceTimersByTimeAsync(5_000);
    expect(looks).toHaveLength(1);
    end(undefined);
    await jest.advanceTimersByTimeAsync(1_000);

    expect(looks).toHaveLength(2);
  });

  it('is looked at the less often the longer a look takes', async () => {
    const { dlqLimit, looks } = setUp(
      () => new Promise((resolve) => void setTimeout(() => resolve({ ...tooMany, state: 'paused' }), 100)),
    );

    for (let ms = 0; ms < 10_000; ms += 50) {
      dlqLimit.note('acme');
      await jest.advanceTimersByTimeAsync(50);
    }

    // After one second, and then two after each, instead of every second.
    expect(looks.length).toBeLessThan(7);
  });

  it('of many tenants is looked at one after another', async () => {
    let underWay = 0;
    let most = 0;
    const { dlqLimit, looks } = setUp(async () => {
      most = Math.max(most, ++underWay);
      await Promise.resolve();
      underWay--;
      return undefined;
    });

    for (let n = 0; n < 50; n++) dlqLimit.note(`tenant-${n}`);
    await jest.advanceTimersByTimeAsync(1_000);

    expect({ looks: looks.length, most }).toEqual({ looks: 50, most: 1 });
  });
});

describe('a look that fails', () => {
  it('is a warning and is made again, more and more rarely', async () => {
    let away = true;
    const { dlqLimit, looks, paused, entries } = setUp(() =>
      away ? Promise.reject(new Error('away')) : Promise.resolve(tooMany),
    );

    dlqLimit.note('acme');
    await jest.advanceTimersByTimeAsync(8_000);
    expect(looks).toHaveLength(3);
    expect(entries()[0]).toMatchObject({ level: 'warn', event: 'dlq.limit_not_checked', tenant_id: 'acme' });
    away = false;
    await jest.advanceTimersByTimeAsync(8_000);

    expect(paused).toEqual(['w1']);
  });
});

describe('stopping', () => {
  it('looks at what is due first, and at nothing afterwards', async () => {
    const { dlqLimit, looks } = setUp();
    dlqLimit.note('a');
    dlqLimit.note('b');

    await dlqLimit.stop();
    dlqLimit.note('c');
    await jest.advanceTimersByTimeAsync(10_000);

    expect(looks).toEqual(['a', 'b']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
