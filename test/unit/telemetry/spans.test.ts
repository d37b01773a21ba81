import { context, SpanKind, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { contextOf, startSpan, traced, traceFields, traceparentNow, untraced } from '../../../src/telemetry/spans';

const exporter = new InMemorySpanExporter();
const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const options = { kind: SpanKind.CLIENT, parent, attributes: () => ({}) };

beforeAll(() => new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register());

beforeEach(() => exporter.reset());

describe('traced work', () => {
  it('is a span of the trace, and what it logs belongs to it', async () => {
    const fields = await traced('attempt', options, () => Promise.resolve(traceFields()));

    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ name: 'attempt', parentSpanContext: { spanId: '00f067aa0ba902b7' } });
    expect(fields).toEqual({ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: span?.spanContext().spanId });
  });

  it('that fails says by what kind of error, and no word of it', async () => {
    const failing = traced('attempt', options, () => Promise.reject(new TypeError('the password is hunter2')));

    await expect(failing).rejects.toThrow('hunter2');
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ attributes: { 'error.type': 'TypeError' }, events: [] });
    expect(span?.status).toEqual({ code: 2 });
  });

  it('without a parent is no span, whatever goes on around it', async () => {
    const around = startSpan('request', { kind: SpanKind.SERVER, attributes: {} });

    const fields = await context.with(trace.setSpan(context.active(), around), () =>
      traced('attempt', { ...options, parent: null }, () => Promise.resolve(traceFields())),
    );

    expect(fields).toEqual({});
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  it.each(['', 'nonsense', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'])(
    'with %j for a parent neither',
    async (nonsense) => {
      await traced('attempt', { ...options, parent: nonsense }, () => Promise.resolve());

      expect(exporter.getFinishedSpans()).toEqual([]);
    },
  );
});

describe('the traceparent of now', () => {
  const within = (traceparent: string): string | null => context.with(contextOf(traceparent), traceparentNow);

  it('is that of the span around', () => expect(within(parent)).toBe(parent));

  it('is none where it is not sampled', () => expect(within(parent.replace(/01$/, '00'))).toBeNull());

  it('is none outside of any trace', () => {
    expect(context.with(contextOf(parent), () => untraced(traceparentNow))).toBeNull();
  });
});
