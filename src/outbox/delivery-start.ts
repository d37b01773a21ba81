/** From a delivery's row and its webhook's settings to the input of its workflow. */
import { delaysMs } from '../domain/retry-policy';
import type { ClaimedDelivery } from '../store/claims';
import type { DeliveryStart } from '../temporal/client';
import type { PolicySnapshot } from '../temporal/contracts';

/**
 * The longest POST that may run inside a workflow task: the server gives a task 10 s, and longer ones
 * would have to be kept alive by heartbeats.
 */
const maxLocalTimeoutMs = 5_000;

export function toDeliveryStart(delivery: ClaimedDelivery): DeliveryStart {
  return {
    replayNo: delivery.replayNo,
    opensReplay: delivery.replayNo > 0 && !delivery.started,
    url: delivery.url,
    input: {
      delivery_id: delivery.id,
      tenant_id: delivery.tenantId,
      webhook_id: delivery.webhookId,
      event_id: delivery.eventId,
      event_type: delivery.eventType,
      // A webhook that failed last may hang; its attempts should not hold workflow tasks.
      first: delivery.timeoutMs <= maxLocalTimeoutMs && delivery.healthy ? 'local' : 'normal',
      policy: toPolicy(delivery),
      ...(delivery.direct && { direct: true as const }),
    },
  };
}

/** The webhook's retry settings as the delivery keeps them. */
export function toPolicy({ retryPolicy, timeoutMs, ttlSeconds }: ClaimedDelivery): PolicySnapshot {
  return { delays_ms: delaysMs(retryPolicy), timeout_ms: timeoutMs, ttl_ms: ttlSeconds * 1000 };
}
