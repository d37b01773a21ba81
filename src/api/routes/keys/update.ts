/** PATCH /v1/keys/:id: changes what the body names; the key itself stays. */
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, callerScopes, tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import { expiryOf, grantedScopes, KeyChange, KeyView, toKeyView } from '../../schemas/key';

const schema = {
  operationId: 'updateKey',
  summary: 'Change an API key',
  params: IdParams,
  body: KeyChange,
  response: { 200: Envelope(KeyView) },
};

export function updateKey(app: App, ctx: ApiContext): void {
  app.patch('/keys/:id', { schema, config: { access: 'token' } }, async (request) => {
    const { body, params } = request;
    const tenantId = tenantOf(request);
    // Another tenant's key answers 404 before anything of the body is judged for it.
    const { scopes } = await ctx.apiKeys.get(tenantId, params.id);
    // Or a narrow token could give a wide key that has ended a longer life.
    if (body.expires_at !== undefined) grantedScopes(body.scopes ?? scopes, callerScopes(request));
    const change = {
      ...(body.name !== undefined && { name: body.name }),
      ...(body.description !== undefined && { description: body.description }),
      ...(body.scopes !== undefined && { scopes: grantedScopes(body.scopes, callerScopes(request)) }),
      ...(body.expires_at !== undefined && { expiresAt: expiryOf(body.expires_at) }),
    };
    return ok(toKeyView(await ctx.apiKeys.update(tenantId, params.id, change, actorOf(request))));
  });
}
