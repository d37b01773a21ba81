/** POST /v1/tenants: an account of the product that runs Everhook, and its client credentials. */
import { Type } from 'typebox';
import { newId } from '../../../domain/ids';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { TenantId, Timestamp } from '../../schemas/common';
import { ClientId, ClientSecret, TenantName } from '../../schemas/tenant';
import type { ApiContext } from '../../context';
import { newClientSecret } from './client-secret';

const schema = {
  operationId: 'createTenant',
  summary: 'Create a tenant',
  body: Type.Object({ name: TenantName, id: Type.Optional(TenantId) }, { additionalProperties: false }),
  response: {
    201: Envelope(
      Type.Object({
        id: TenantId,
        name: TenantName,
        client_id: ClientId,
        client_secret: ClientSecret,
        created_at: Timestamp,
      }),
    ),
  },
};

export function createTenant(app: App, ctx: ApiContext): void {
  app.post('/tenants', { schema, config: { access: 'admin' } }, async (request, reply) => {
    const clientId = `ehc_${newId()}`;
    const { clientSecret, clientSecretHash } = newClientSecret();
    const tenant = await ctx.tenants.create(
      {
        id: request.body.id ?? newId(),
        name: request.body.name,
        clientId,
        clientSecretHash,
      },
      actorOf(request),
    );
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send(
        ok({
          id: tenant.id,
          name: tenant.name,
          client_id: clientId,
          client_secret: clientSecret,
          created_at: tenant.createdAt.toISOString(),
        }),
      );
  });
}
