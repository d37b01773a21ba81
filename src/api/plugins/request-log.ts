/** One log line and one measurement per request, and the request id on every answer. */
import fp from 'fastify-plugin';
import { requestFinished, type Telemetry } from '../../telemetry/events';

export const requestLogPlugin = fp<{ telemetry: Telemetry }>((app, { telemetry }) => {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    requestFinished(telemetry, {
      request_id: request.id,
      method: request.method,
      // The route, not the URL: paths and queries hold ids.
      path: request.routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime),
      tenant_id: request.principal?.tenantId ?? null,
    });
    done();
  });
  return Promise.resolve();
});
