/** POST /v1/tenants/:id/rotate-credentials: a new client_secret, and an end to all tokens issued before. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { NoBody, TenantId } from '../../schemas/common';
import { ClientId, ClientSecret, TenantParams } from '../../schemas/tenant';
import { newClientSecret } from './client-secret';

const schema = {
  operationId: 'rotateCredentials',
  summary: "Replace a tenant's client secret",
  params: TenantParams,
  body: NoBody,
  response: {
    200: Envelope(
      Type.Object({
        id: TenantId,
        client_id: ClientId,
        client_secret: ClientSecret,
      }),
    ),
  },
};

export function rotateCredentials(app: App, ctx: ApiContext): void {
  app.post('/tenants/:id/rotate-credentials', { schema, config: { access: 'admin' } }, async (request, reply) => {
    const { clientSecret, clientSecretHash } = newClientSecret();
    const tenant = await ctx.tenants.rotateCredentials(request.params.id, clientSecretHash, actorOf(request));
    return reply
      .header('cache-control', 'no-store')
      .send(ok({ id: tenant.id, client_id: tenant.clientId, client_secret: clientSecret }));
  });
}
