/** POST /v1/tenants: an account of the product that runs Everhook, and its client credentials. */
import { Type } from 'typebox';
import { newId } from '../../../domain/ids';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf } from '../../principal';
import { errors, TenantId, Text, Timestamp } from '../../schemas/common';
import type { ApiContext } from '../../context';
import { newClientSecret } from './client-secret';

const schema = {
  summary: 'Create a tenant',
  body: Type.Object(
    { name: Text(255, { minLength: 1 }), id: Type.Optional(TenantId) },
    { additionalProperties: false },
  ),
  response: {
    201: Envelope(
      Type.Object({
        id: TenantId,
        name: Type.String(),
        client_id: Type.String(),
        client_secret: Type.String({ description: 'Only here.' }),
        created_at: Timestamp,
      }),
    ),
    ...errors(400, 401, 403, 413, 415, 503),
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
    return reply.code(201).send(
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
