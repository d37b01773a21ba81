import { newId } from '../../../src/domain/ids';
import type { ClaimedDelivery } from '../../../src/store/claims';

/** A delivery of a healthy webhook with the usual settings. */
export function claimedDelivery(changes: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  return {
    id: newId(),
    tenantId: 'acme',
    webhookId: newId(),
    eventId: 'evt-1',
    eventType: 'order.created',
    replayNo: 0,
    started: false,
    url: 'https://receiver.example/hooks?token=abc',
    retryPolicy: 'default',
    timeoutMs: 5000,
    ttlSeconds: 86_400,
    healthy: true,
    direct: false,
    ...changes,
  };
}
