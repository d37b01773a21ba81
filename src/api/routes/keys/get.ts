/** GET /v1/keys/:id. */
import type { ApiContext } from '../../context';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import { KeyView, toKeyView } from '../../schemas/key';

const schema = {
  operationId: 'getKey',
  summary: 'Read an API key',
  params: IdParams,
  response: { 200: Envelope(KeyView) },
};

export function getKey(app: App, ctx: ApiContext): void {
  app.get('/keys/:id', { schema, config: { access: 'token' } }, async (request) =>
    ok(toKeyView(await ctx.apiKeys.get(tenantOf(request), request.params.id))),
  );
}
