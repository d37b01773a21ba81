/** Sends spans to an OpenTelemetry collector by OTLP/HTTP. Without it the spans of src/telemetry/spans.ts cost and do nothing. */
import { diag, DiagLogLevel, type DiagLogFunction } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import { version } from '../version';
import type { Logger } from './logger';

export interface TracingOptions {
  readonly log: Logger;
  /** Of the collector, without `/v1/traces`. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** Share of the requests that begin a trace, from 0 to 1; a producer's own trace decides for itself. */
  readonly sampled: number;
}

/** How long the collector may take to answer, and so an end of the process be held up, in milliseconds. */
const exportTimeoutMs = 3_000;

/**
 * Once per process. The exporter itself reads the standard OTEL_EXPORTER_OTLP_HEADERS, _COMPRESSION and _CERTIFICATE.
 *
 * @returns what sends the last spans and ends it
 */
export function startTracing({ log, endpoint, serviceName, sampled }: TracingOptions): () => Promise<void> {
  const warn: DiagLogFunction = (message) => log.warn({ event: 'tracing.failed' }, message);
  diag.setLogger({ error: warn, warn, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampled) }),
    spanProcessors: [
      new BatchSpanProcessor(
        new OTLPTraceExporter({ url: new URL('v1/traces', withSlash(endpoint)).href, timeoutMillis: exportTimeoutMs }),
        { exportTimeoutMillis: exportTimeoutMs },
      ),
    ],
  });
  provider.register();
  return async () => {
    // What cannot be sent any more is lost, and was told.
    await provider.shutdown().catch((error: unknown) => log.warn({ event: 'tracing.failed', err: error }));
  };
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
