/** POST /v1/webhooks: a URL that gets a tenant's events, and the secret they are signed with. */
import { invalidField } from '../../../domain/errors';
import { newId } from '../../../domain/ids';
import type { Lane } from '../../../domain/lane';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, requireOwnTenant } from '../../principal';
import { errors } from '../../schemas/common';
import { CreatedWebhookView, NewWebhook, toWebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';
import { givenOrGenerated } from './secret';
import { checkPolicy, toSettings } from './settings';

const schema = {
  operationId: 'createWebhook',
  summary: 'Create a webhook',
  body: NewWebhook,
  response: { 201: Envelope(CreatedWebhookView), ...errors(422) },
};

export function createWebhook(app: App, ctx: ApiContext): void {
  app.post('/webhooks', { schema, config: { access: { scope: 'write:webhooks' } } }, async (request, reply) => {
    const { body } = request;
    const tenantId = requireOwnTenant(request, body.tenant_id);
    const id = newId();
    const { url, ...given } = await toSettings(ctx, tenantId, id, body);
    if (url === undefined) throw invalidField('url', 'url is required.');

    const secret = givenOrGenerated(body.secret);
    const plain = {
      url,
      eventTypes: ['*'],
      description: null,
      channel: null,
      retryPolicy: ctx.config.RETRY_POLICY_DEFAULT,
      timeoutMs: ctx.config.HTTP_DELIVERY_TIMEOUT_MS,
      maxInFlight: 10,
      ttlSeconds: 86_400,
      maxQueueSize: 10_000,
      lane: 'workflow' as Lane,
      headersEnc: null,
      headerNames: [],
      ...given,
    };
    checkPolicy(plain);
    const place = { tenantId, table: 'webhook_configs', rowId: id, column: 'secret_enc' };
    const settings = { ...plain, secretEnc: await ctx.secrets.seal(place, secret) };

    const webhook = await ctx.webhooks.create(tenantId, id, settings, body.is_active ?? true, actorOf(request));
    ctx.control.poke({ tenantId, webhookId: id });
    const view = toWebhookView(webhook);
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send(ok(body.secret === undefined ? { ...view, secret } : view));
  });
}
