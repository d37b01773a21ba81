/** POST /v1/keys: an API key for one of the tenant's own services. */
import { Type } from 'typebox';
import { newId } from '../../../domain/ids';
import { newApiKey } from '../../api-key';
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, callerScopes, tenantOf } from '../../principal';
import { expiryOf, grantedScopes, KeyView, NewKey, toKeyView } from '../../schemas/key';

const schema = {
  operationId: 'createKey',
  summary: 'Create an API key',
  body: NewKey,
  response: {
    201: Envelope(
      Type.Object({
        ...KeyView.properties,
        key: Type.String({ description: 'The whole key, only here.', examples: ['ehk_...'] }),
      }),
    ),
  },
};

export function createKey(app: App, ctx: ApiContext): void {
  app.post('/keys', { schema, config: { access: 'token' } }, async (request, reply) => {
    const { name, description, scopes, expires_at } = request.body;
    const { key, prefix, keyHash } = newApiKey();
    const created = await ctx.apiKeys.create(
      tenantOf(request),
      {
        id: newId(),
        name,
        description: description ?? null,
        scopes: grantedScopes(scopes, callerScopes(request)),
        expiresAt: expiryOf(expires_at ?? null),
        prefix,
        keyHash,
      },
      actorOf(request),
    );
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send(ok({ ...toKeyView(created), key }));
  });
}
