/** GET /v1/replays: replays of many deliveries, the newest first. */
import { Type } from 'typebox';
import { ulidPattern } from '../../../domain/ids';
import { CursorPage, page } from '../../envelope';
import type { App } from '../../http';
import { cursorPage, keyOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { CursorQuery } from '../../schemas/common';
import { ReplayView, toReplayView } from '../../schemas/replay';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listReplays',
  summary: 'List replays',
  querystring: Type.Object(CursorQuery, { additionalProperties: false }),
  response: { 200: CursorPage(ReplayView) },
};

const ulid = new RegExp(ulidPattern);

export function listReplays(app: App, ctx: ApiContext): void {
  app.get('/replays', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) => {
    const { limit, cursor } = request.query;
    const rows = await ctx.replays.list(tenantOf(request), { limit, before: keyOf(cursor, ulid) });
    const { items, pagination } = cursorPage(rows, limit, ({ id }) => id);
    return page(items.map(toReplayView), pagination);
  });
}
