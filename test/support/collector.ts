/** An OpenTelemetry collector as far as exporters see it: takes spans by OTLP/HTTP as JSON, on loopback. */
import { startReceiver } from './receiver';

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly service: unknown;
}

export interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** All that has come, as text. */
  received(): string;
  stop(): Promise<void>;
}

interface OtlpAttributes {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly status: { readonly code?: number };
  readonly attributes: readonly OtlpAttributes[];
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttributes[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const errorCode = 2;

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const receiver = await startReceiver((response, { path, body }) => {
    if (path !== '/v1/traces') return response.writeHead(404).end();
    spans.push(...spansOf(JSON.parse(body) as OtlpRequest));
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return {
    url: new URL(receiver.url).origin,
    spans,
    received: () => receiver.arrivals.map(({ body }) => body).join(''),
    stop: () => receiver.stop(),
  };
}

function spansOf({ resourceSpans }: OtlpRequest): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => toCollected(span, valuesOf(resource.attributes)))),
  );
}

function toCollected(span: OtlpSpan, resource: Readonly<Record<string, unknown>>): CollectedSpan {
  const { name, traceId, spanId, parentSpanId = '', kind, status } = span;
  const service = resource['service.name'];
  return {
    name,
    traceId,
    spanId,
    parentSpanId,
    kind,
    failed: status.code === errorCode,
    attributes: valuesOf(span.attributes),
    service,
  };
}

/** OTLP says of each value of which type it is. */
function valuesOf(attributes: readonly OtlpAttributes[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
