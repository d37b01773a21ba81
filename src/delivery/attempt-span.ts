/** The span of one attempt: whose it is, where it goes and what came of it. */
import { SpanKind, type Span } from '@opentelemetry/api';
import { deliveryWorkflowId } from '../domain/ids';
import { fail, traced, traceparentOf } from '../telemetry/spans';
import type { AttemptRecord } from '../store/attempt-records';
import type { LoadedAttempt } from '../store/attempts';
import type { AttemptCall } from './attempt';

export function inAttemptSpan<T>(
  input: AttemptCall,
  { delivery, event, webhook }: LoadedAttempt,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const attributes = () => ({
    'http.request.method': 'POST',
    // Path and query may be secrets of the receiver.
    'server.address': new URL(webhook.url).hostname,
    'everhook.attempt': delivery.attempts + 1,
    'everhook.delivery_id': input.delivery_id,
    'everhook.event_id': delivery.eventId,
    'everhook.event_type': delivery.eventType,
    'everhook.tenant_id': input.tenant_id,
    'everhook.webhook_id': input.webhook_id,
    ...(input.run_id === null
      ? { 'everhook.lane': 'direct' }
      : { 'temporal.workflow_id': deliveryWorkflowId(input.delivery_id), 'temporal.run_id': input.run_id }),
  });
  return traced('attempt', { kind: SpanKind.CLIENT, parent: event.traceparent, attributes }, work);
}

/** The receiver may go on with the trace. */
export function traceHeaders(span: Span): Record<string, string> {
  const traceparent = traceparentOf(span);
  return traceparent === null ? {} : { traceparent };
}

export function noteOutcome(span: Span, { outcome, httpStatusCode, errorCode }: AttemptRecord): void {
  span.setAttribute('everhook.outcome', outcome);
  if (httpStatusCode !== null) span.setAttribute('http.response.status_code', httpStatusCode);
  if (outcome !== 'success') fail(span, errorCode ?? String(httpStatusCode));
}
