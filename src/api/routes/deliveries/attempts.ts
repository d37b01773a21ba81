/** GET /v1/deliveries/:id/attempts: every POST of a delivery, newest first. */
import { Type } from 'typebox';
import { CursorPage, page } from '../../envelope';
import type { App } from '../../http';
import { cursorPage, keyOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { CursorQuery, IdParams } from '../../schemas/common';
import { AttemptView, toAttemptView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listAttempts',
  summary: 'List the attempts of a delivery',
  params: IdParams,
  querystring: Type.Object(CursorQuery, { additionalProperties: false }),
  response: { 200: CursorPage(AttemptView) },
};

export function listAttempts(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'read:deliveries' } } } as const;
  app.get('/deliveries/:id/attempts', options, async (request) => {
    const { limit, cursor } = request.query;
    const before = keyOf(cursor, /^\d{1,9}$/);
    const rows = await ctx.deliveries.attempts(tenantOf(request), request.params.id, {
      limit,
      before: before === undefined ? undefined : Number(before),
    });
    const { items, pagination } = cursorPage(rows, limit, ({ attemptNumber }) => String(attemptNumber));
    return page(items.map(toAttemptView), pagination);
  });
}
