/** The HTTP API: every plugin and every route, by name. It builds; whoever wants it to listen does that. */
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import { newId } from '../domain/ids';
import type { EgressGuard } from '../delivery/egress-guard';
import type { Config } from '../config';
import type { Health } from '../health';
import type { SecretBox } from '../kms/secret-box';
import type { AcceptEvent } from '../outbox/accept';
import type { Deliveries } from '../store/deliveries';
import type { Tenants } from '../store/tenants';
import type { Webhooks } from '../store/webhooks';
import type { Telemetry } from '../telemetry/events';
import { version } from '../version';
import type { AccessTokens } from './access-tokens';
import type { App } from './http';
import { authenticationPlugin } from './plugins/authentication';
import { bodyPlugin } from './plugins/body';
import { errorsPlugin } from './plugins/errors';
import { requestLogPlugin } from './plugins/request-log';
import { validationPlugin } from './plugins/validation';
import { issueToken } from './routes/auth/token';
import { listAttempts } from './routes/deliveries/attempts';
import { getDelivery } from './routes/deliveries/get';
import { listDeliveries } from './routes/deliveries/list';
import { publishEvent } from './routes/events/publish';
import { probes } from './routes/health/probes';
import { createTenant } from './routes/tenants/create';
import { createWebhook } from './routes/webhooks/create';
import { deleteWebhook } from './routes/webhooks/delete';
import { getWebhook } from './routes/webhooks/get';
import { listWebhooks } from './routes/webhooks/list';
import { updateWebhook } from './routes/webhooks/update';

/** Only what the API needs, so that a test can replace any of it. */
export interface ApiContext {
  readonly config: Pick<
    Config,
    'ADMIN_TOKEN' | 'MAX_EVENT_BYTES' | 'RETRY_POLICY_DEFAULT' | 'HTTP_DELIVERY_TIMEOUT_MS'
  >;
  readonly telemetry: Telemetry;
  readonly health: Health;
  readonly accessTokens: AccessTokens;
  readonly tenants: Tenants;
  readonly webhooks: Webhooks;
  readonly deliveries: Deliveries;
  readonly secrets: Pick<SecretBox, 'seal'>;
  readonly guard: Pick<EgressGuard, 'checkUrl'>;
  readonly acceptEvent: AcceptEvent;
}

/** Largest body of a management request, in bytes. */
const managementBodyLimit = 8 * 1024;

/** A caller's own request id is kept when it cannot do harm in a log. */
const saneRequestId = /^[A-Za-z0-9._:-]{1,128}$/;

export async function buildApp(ctx: ApiContext): Promise<App> {
  const app = fastify({
    loggerInstance: ctx.telemetry.log,
    disableRequestLogging: true,
    bodyLimit: managementBodyLimit,
    requestTimeout: 30_000,
    // Only what stands in no header is generated; the header itself is checked here, not trusted.
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && saneRequestId.test(given) ? given : newId();
    },
    routerOptions: { maxParamLength: 512 },
  }) as unknown as App;

  await app.register(requestLogPlugin, ctx);
  await app.register(errorsPlugin);
  await app.register(bodyPlugin);
  await app.register(validationPlugin);
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Everhook', version, description: 'Durable webhook delivery.' } },
  });
  await app.register(authenticationPlugin, { ...ctx, adminToken: ctx.config.ADMIN_TOKEN });

  probes(app, ctx);
  app.get('/openapi.json', { schema: { hide: true }, config: { access: 'public' } }, () => app.swagger());
  await app.register(
    async (v1) => {
      await issueToken(v1 as App, ctx);
      createTenant(v1 as App, ctx);
      tenantRoutes(v1 as App, ctx);
    },
    { prefix: '/v1' },
  );
  // The same handlers under the paths without a version, left out of the document.
  await app.register((bare, _options, done) => {
    bare.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, hide: true };
    });
    tenantRoutes(bare as App, ctx);
    done();
  });
  return app;
}

/** What belongs to a tenant. */
function tenantRoutes(app: App, ctx: ApiContext): void {
  createWebhook(app, ctx);
  listWebhooks(app, ctx);
  getWebhook(app, ctx);
  updateWebhook(app, ctx);
  deleteWebhook(app, ctx);

  publishEvent(app, ctx);

  listDeliveries(app, ctx);
  getDelivery(app, ctx);
  listAttempts(app, ctx);
}
