/** A span for each request that needs credentials, in the trace of whoever calls, if there is one. */
import { context, SpanKind, trace, type Context } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { contextOf, fail, startSpan } from '../../telemetry/spans';

const contexts = new WeakMap<FastifyRequest, Context>();

export const tracePlugin = fp((app) => {
  app.addHook('onRequest', (request, _reply, done) => {
    const { method, id, headers, routeOptions } = request;
    const { access } = routeOptions.config;
    if (access === undefined || access === 'public') return done();
    const around = contextOf(headers['traceparent']);
    const route = routeOptions.url ?? 'unknown';
    const attributes = { 'http.request.method': method, 'http.route': route, 'everhook.request_id': id };
    const span = startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, around);
    contexts.set(request, trace.setSpan(around, span));
    goOn(request, done);
  });
  // Reading the body has left the context.
  app.addHook('preValidation', (request, _reply, done) => goOn(request, done));
  app.addHook('onResponse', (request, reply, done) => {
    const span = spanOf(request);
    if (span) {
      const tenantId = request.principal?.tenantId;
      if (tenantId) span.setAttribute('everhook.tenant_id', tenantId);
      span.setAttribute('http.response.status_code', reply.statusCode);
      if (reply.statusCode >= 500) fail(span, String(reply.statusCode));
      span.end();
    }
    goOn(request, done);
  });
  return Promise.resolve();
});

function spanOf(request: FastifyRequest) {
  const around = contexts.get(request);
  return around && trace.getSpan(around);
}

function goOn(request: FastifyRequest, done: () => void): void {
  context.with(contexts.get(request) ?? context.active(), done);
}
