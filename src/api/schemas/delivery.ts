/** Deliveries and attempts as clients read them. */
import { Type, type Static } from 'typebox';
import { deliveryStatuses } from '../../domain/delivery-state';
import { deliveryWorkflowId } from '../../domain/ids';
import type { Attempt, Delivery } from '../../store/deliveries';
import { Nullable, Timestamp, Ulid } from './common';

export const Status = Type.Enum([...deliveryStatuses], {
  description: 'Where a delivery stands.',
  examples: ['DEAD_LETTER'],
});

export const DeliveryView = Type.Object({
  id: Ulid,
  webhook_id: Ulid,
  event_id: Type.String({ examples: ['order-4711'] }),
  event_type: Type.String({ examples: ['order.created'] }),
  status: Status,
  reason: Nullable(Type.String({ description: 'Why it ended without success.', examples: ['EXHAUSTED'] })),
  attempts: Type.Integer({ description: 'POSTs made over all replays.', examples: [6] }),
  replay_no: Type.Integer({ description: '0 is the first run.', examples: [0] }),
  next_attempt_at: Nullable(Timestamp, { examples: [null] }),
  last_status_code: Nullable(Type.Integer({ examples: [503] })),
  last_error: Nullable(Type.String({ examples: ['HTTP 503: Service Unavailable'] })),
  workflow_id: Type.String({
    description: 'Finds it in the Temporal UI.',
    examples: ['delivery:01JH2YZK3WQ0T5E6R8D1M4X9CF'],
  }),
  created_at: Timestamp,
  completed_at: Nullable(Timestamp),
});

export const AttemptView = Type.Object({
  attempt_number: Type.Integer({ examples: [1] }),
  replay_no: Type.Integer({ examples: [0] }),
  outcome: Type.Enum(['success', 'retry', 'permanent'], { examples: ['retry'] }),
  http_status_code: Nullable(Type.Integer({ examples: [503] })),
  error_code: Nullable(Type.String({ examples: ['http_status'] })),
  error_message: Nullable(Type.String({ examples: ['HTTP 503: Service Unavailable'] })),
  response_body_preview: Nullable(Type.String({ examples: ['upstream is down'] })),
  duration_ms: Type.Integer({ examples: [84] }),
  attempted_at: Timestamp,
});

export function toDeliveryView(delivery: Delivery): Static<typeof DeliveryView> {
  return {
    id: delivery.id,
    webhook_id: delivery.webhookId,
    event_id: delivery.eventId,
    event_type: delivery.eventType,
    status: delivery.status,
    reason: delivery.reason,
    attempts: delivery.attempts,
    replay_no: delivery.replayNo,
    next_attempt_at: delivery.nextAttemptAt?.toISOString() ?? null,
    last_status_code: delivery.lastStatusCode,
    last_error: delivery.lastError,
    workflow_id: deliveryWorkflowId(delivery.id),
    created_at: delivery.createdAt.toISOString(),
    completed_at: delivery.completedAt?.toISOString() ?? null,
  };
}

export function toAttemptView(attempt: Attempt): Static<typeof AttemptView> {
  return {
    attempt_number: attempt.attemptNumber,
    replay_no: attempt.replayNo,
    outcome: attempt.outcome,
    http_status_code: attempt.httpStatusCode,
    error_code: attempt.errorCode,
    error_message: attempt.errorMessage,
    response_body_preview: attempt.responseBodyPreview,
    duration_ms: attempt.durationMs,
    attempted_at: attempt.attemptedAt.toISOString(),
  };
}
