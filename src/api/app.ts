/** The HTTP API: every plugin and every route, by name. It builds; whoever wants it to listen does that. */
import fastify, { LogController } from 'fastify';
import { newId } from '../domain/ids';
import type { ApiContext } from './context';
import type { App } from './http';
import { authenticationPlugin } from './plugins/authentication';
import { bodyPlugin } from './plugins/body';
import { errorsPlugin, refusePath } from './plugins/errors';
import { managementRatePlugin } from './plugins/management-rate';
import { openapiPlugin } from './plugins/openapi';
import { requestLogPlugin } from './plugins/request-log';
import { tracePlugin } from './plugins/trace';
import { validationPlugin } from './plugins/validation';
import { getAnyWebhook } from './routes/admin/get-webhook';
import { listAllWebhooks } from './routes/admin/list-webhooks';
import { adminOverview } from './routes/admin/overview';
import { listAuditLog } from './routes/audit/list';
import { issueToken } from './routes/auth/token';
import { listAttempts } from './routes/deliveries/attempts';
import { cancelDelivery } from './routes/deliveries/cancel';
import { getDelivery } from './routes/deliveries/get';
import { listDeliveries } from './routes/deliveries/list';
import { replayDelivery } from './routes/deliveries/replay';
import { retryDeliveryNow } from './routes/deliveries/retry-now';
import { docsPage } from './routes/docs/page';
import { listDeadLetters } from './routes/dlq/list';
import { listDeadLettersOfWebhook } from './routes/dlq/list-of-webhook';
import { resolveDeadLetter } from './routes/dlq/resolve';
import { retryDeadLetter } from './routes/dlq/retry';
import { retryDeadLetters } from './routes/dlq/retry-many';
import { getEvent } from './routes/events/get';
import { listEvents } from './routes/events/list';
import { publishEvent } from './routes/events/publish';
import { publishBatch } from './routes/events/publish-batch';
import { listEventTypes } from './routes/events/types';
import { cancelReplay } from './routes/replays/cancel';
import { getReplay } from './routes/replays/get';
import { listReplays } from './routes/replays/list';
import { probes } from './routes/health/probes';
import { createKey } from './routes/keys/create';
import { deleteKey } from './routes/keys/delete';
import { getKey } from './routes/keys/get';
import { listKeys } from './routes/keys/list';
import { updateKey } from './routes/keys/update';
import { getQuotas } from './routes/quotas/get';
import { updateQuotas } from './routes/quotas/update';
import { createTenant } from './routes/tenants/create';
import { deleteTenant } from './routes/tenants/delete';
import { getTenant } from './routes/tenants/get';
import { listTenants } from './routes/tenants/list';
import { rotateCredentials } from './routes/tenants/rotate-credentials';
import { updateTenant } from './routes/tenants/update';
import { changeWebhookState } from './routes/webhooks/change-state';
import { createWebhook } from './routes/webhooks/create';
import { deleteWebhook } from './routes/webhooks/delete';
import { getWebhook } from './routes/webhooks/get';
import { listWebhooks } from './routes/webhooks/list';
import { replayWebhook } from './routes/webhooks/replay';
import { rotateWebhookSecret } from './routes/webhooks/rotate-secret';
import { webhookStats } from './routes/webhooks/stats';
import { testWebhook } from './routes/webhooks/test';
import { updateWebhook } from './routes/webhooks/update';
import { serverOptions } from './server-options';

/** Largest body of a management request, in bytes. */
const managementBodyLimit = 8 * 1024;

/** A caller's own request id is kept when it cannot do harm in a log. */
const saneRequestId = /^[A-Za-z0-9._:-]{1,128}$/;

export async function buildApp(ctx: ApiContext): Promise<App> {
  const app = fastify({
    loggerInstance: ctx.telemetry.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: managementBodyLimit,
    // Whose address a request comes from is believed from these proxies alone.
    trustProxy: (address) => ctx.trustedProxies.includes(address),
    ...serverOptions,
    // Only what stands in no header is generated; the header itself is checked here, not trusted.
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && saneRequestId.test(given) ? given : newId();
    },
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: refusePath,
  }) as unknown as App;

  if (ctx.config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) await app.register(tracePlugin);
  await app.register(requestLogPlugin, ctx);
  await app.register(errorsPlugin);
  await app.register(bodyPlugin);
  await app.register(validationPlugin);
  await app.register(authenticationPlugin, ctx);
  await app.register(managementRatePlugin, ctx);
  await app.register(openapiPlugin);

  probes(app, ctx);
  docsPage(app);
  await app.register(
    async (v1) => {
      await issueToken(v1, ctx);
      createTenant(v1, ctx);
      listTenants(v1, ctx);
      getTenant(v1, ctx);
      updateTenant(v1, ctx);
      deleteTenant(v1, ctx);
      rotateCredentials(v1, ctx);

      adminOverview(v1, ctx);
      listAllWebhooks(v1, ctx);
      getAnyWebhook(v1, ctx);

      createKey(v1, ctx);
      listKeys(v1, ctx);
      getKey(v1, ctx);
      updateKey(v1, ctx);
      deleteKey(v1, ctx);

      tenantRoutes(v1, ctx);

      listEventTypes(v1, ctx);

      listDeliveries(v1, ctx);
      getDelivery(v1, ctx);
      listAttempts(v1, ctx);
      replayDelivery(v1, ctx);
      cancelDelivery(v1, ctx);
      retryDeliveryNow(v1, ctx);

      listReplays(v1, ctx);
      getReplay(v1, ctx);
      cancelReplay(v1, ctx);

      listAuditLog(v1, ctx);
    },
    { prefix: '/v1' },
  );
  // The same handlers under the paths without a version, left out of the document.
  await app.register((bare, _options, done) => {
    bare.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, hide: true };
    });
    tenantRoutes(bare, ctx);
    done();
  });
  return app;
}

/** What belongs to a tenant and also answers without a version: webhooks, events, dead letters and quotas. */
function tenantRoutes(app: App, ctx: ApiContext): void {
  createWebhook(app, ctx);
  listWebhooks(app, ctx);
  getWebhook(app, ctx);
  updateWebhook(app, ctx);
  deleteWebhook(app, ctx);
  changeWebhookState(app, ctx);
  rotateWebhookSecret(app, ctx);
  testWebhook(app, ctx);
  webhookStats(app, ctx);
  replayWebhook(app, ctx);

  publishEvent(app, ctx);
  publishBatch(app, ctx);
  listEvents(app, ctx);
  getEvent(app, ctx);

  listDeadLetters(app, ctx);
  listDeadLettersOfWebhook(app, ctx);
  retryDeadLetter(app, ctx);
  retryDeadLetters(app, ctx);
  resolveDeadLetter(app, ctx);

  getQuotas(app, ctx);
  updateQuotas(app, ctx);
}
