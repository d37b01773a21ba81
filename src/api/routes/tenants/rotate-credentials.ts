/** POST /v1/tenants/:id/rotate-credentials: a new client_secret, and an end to all tokens issued before. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { errors, TenantId } from '../../schemas/common';
import { TenantParams } from '../../schemas/tenant';
import { newClientSecret } from './client-secret';

const schema = {
  summary: "Replace a tenant's client secret",
  params: TenantParams,
  response: {
    200: Envelope(
      Type.Object({
        id: TenantId,
        client_id: Type.String(),
        client_secret: Type.String({ description: 'Only here.' }),
      }),
    ),
    ...errors(400, 401, 403, 404, 413, 415, 503),
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
