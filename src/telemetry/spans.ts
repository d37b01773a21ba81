/**
 * Spans in the trace of the request that published an event. Attempts are made much later, and elsewhere, so that they
 * join it by the `traceparent` that the event's row keeps (https://www.w3.org/TR/trace-context/).
 */
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Span,
  type SpanKind,
} from '@opentelemetry/api';

export interface SpanOptions {
  readonly kind: SpanKind;
  /** Whose child it is; without one there is no span, and whatever trace goes on around it is none of its own. */
  readonly parent: string | null;
  readonly attributes: () => Attributes;
}

/** Finds the exporter when there is one. */
const tracer = trace.getTracer('everhook');

/** Ids alone: no payload, header or text of an error, in which there may be secrets. */
export function traced<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
  const { kind, parent, attributes } = options;
  const around = parent === null ? ROOT_CONTEXT : contextOf(parent);
  if (!trace.getSpanContext(around)) return context.with(ROOT_CONTEXT, work, undefined, noSpan);
  const span = startSpan(name, { kind, attributes: attributes() }, around);
  return context.with(trace.setSpan(around, span), async () => {
    try {
      return await work(span);
    } catch (error) {
      fail(span, error instanceof Error ? error.name : 'unknown');
      throw error;
    } finally {
      span.end();
    }
  });
}

export function startSpan(
  name: string,
  options: { readonly kind: SpanKind; readonly attributes: Attributes },
  around = ROOT_CONTEXT,
): Span {
  return tracer.startSpan(name, options, around);
}

/** Outside of any trace, for work that goes on from other work without being a part of it. */
export function untraced<T>(work: () => T): T {
  return context.with(ROOT_CONTEXT, work);
}

/** @param traceparent whatever came in such a header; nonsense begins no trace */
export function contextOf(traceparent: unknown): typeof ROOT_CONTEXT {
  return propagation.extract(ROOT_CONTEXT, { traceparent });
}

/** @param type of error, of few values */
export function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The span around, for others to join; null where there is none, or it is not sampled. */
export function traceparentNow(): string | null {
  const span = trace.getActiveSpan();
  return span ? traceparentOf(span) : null;
}

export function traceparentOf(span: Span): string | null {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return traceFlags & TraceFlags.SAMPLED ? `00-${traceId}-${spanId}-01` : null;
}

/** What a log line says of the trace that it belongs to. */
export function traceFields(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

const noSpan = trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: TraceFlags.NONE });
