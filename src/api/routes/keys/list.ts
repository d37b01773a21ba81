/** GET /v1/keys: the tenant's API keys, newest first, without those that were revoked. */
import { Type } from 'typebox';
import type { ApiContext } from '../../context';
import { OffsetPage, page } from '../../envelope';
import type { App } from '../../http';
import { offsetOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { OffsetQuery } from '../../schemas/common';
import { KeyView, toKeyView } from '../../schemas/key';

const schema = {
  operationId: 'listKeys',
  summary: 'List API keys',
  querystring: Type.Object(OffsetQuery, { additionalProperties: false }),
  response: { 200: OffsetPage(KeyView) },
};

export function listKeys(app: App, ctx: ApiContext): void {
  app.get('/keys', { schema, config: { access: 'token' } }, async (request) => {
    const { limit, offset } = offsetOf(request.query);
    const { keys, total } = await ctx.apiKeys.list(tenantOf(request), { limit, offset });
    return page(keys.map(toKeyView), { limit, offset, total });
  });
}
