import { toDeliveryStart } from '../../../src/outbox/delivery-start';
import { claimedDelivery } from './claimed-delivery';

describe('the start of a delivery', () => {
  it('carries ids and settings in the units of the workflow', () => {
    const delivery = claimedDelivery({ replayNo: 2, timeoutMs: 3000, ttlSeconds: 600 });

    const start = toDeliveryStart(delivery);

    expect(start).toEqual({
      replayNo: 2,
      opensReplay: true,
      url: delivery.url,
      input: {
        delivery_id: delivery.id,
        tenant_id: 'acme',
        webhook_id: delivery.webhookId,
        event_id: 'evt-1',
        event_type: 'order.created',
        first: 'local',
        policy: { delays_ms: [1000, 4000, 16_000, 64_000, 256_000], timeout_ms: 3000, ttl_ms: 600_000 },
      },
    });
  });

  it.each([
    { replayNo: 0, started: false, opensReplay: false },
    { replayNo: 0, started: true, opensReplay: false },
    { replayNo: 1, started: false, opensReplay: true },
    { replayNo: 1, started: true, opensReplay: false },
  ])('of replay $replayNo, started before: $started, opens it: $opensReplay', ({ opensReplay, ...claim }) => {
    expect(toDeliveryStart(claimedDelivery(claim)).opensReplay).toBe(opensReplay);
  });

  it('keeps the URL, which may hold secrets, out of the workflow input', () => {
    const start = toDeliveryStart(claimedDelivery({ url: 'https://receiver.example/s3cret' }));

    expect(JSON.stringify(start.input)).not.toContain('receiver.example');
  });

  it.each([
    ['extended', [30_000, 300_000, 1_800_000, 7_200_000, 28_800_000]],
    [{ delays_seconds: [2, 3] }, [2000, 3000]],
    [{ delays_seconds: [] }, []],
  ] as const)('takes a snapshot of the retry policy %j', (retryPolicy, delays) => {
    expect(toDeliveryStart(claimedDelivery({ retryPolicy })).input.policy.delays_ms).toEqual(delays);
  });

  it.each([
    { timeoutMs: 1000, healthy: true, first: 'local' },
    { timeoutMs: 5000, healthy: true, first: 'local' },
    { timeoutMs: 5001, healthy: true, first: 'normal' },
    { timeoutMs: 30_000, healthy: true, first: 'normal' },
    { timeoutMs: 1000, healthy: false, first: 'normal' },
    { timeoutMs: 30_000, healthy: false, first: 'normal' },
  ])('makes the first attempt $first with $timeoutMs ms and healthy: $healthy', ({ first, ...webhook }) => {
    expect(toDeliveryStart(claimedDelivery(webhook)).input.first).toBe(first);
  });
});
