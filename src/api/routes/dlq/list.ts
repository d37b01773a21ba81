/** GET /v1/dlq: the dead letters that nobody has resolved, the latest first. */
import { Type } from 'typebox';
import { OffsetPage, page } from '../../envelope';
import type { App } from '../../http';
import { offsetOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { Ulid } from '../../schemas/common';
import { DeadLetterSpan, DeadLetterView, spanOf, toDeadLetterView } from '../../schemas/dead-letter';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listDeadLetters',
  summary: 'List dead letters',
  querystring: Type.Object({ ...DeadLetterSpan, webhook_id: Type.Optional(Ulid) }, { additionalProperties: false }),
  response: { 200: OffsetPage(DeadLetterView) },
};

export function listDeadLetters(app: App, ctx: ApiContext): void {
  app.get('/dlq', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) => {
    const { query } = request;
    const { limit, offset } = offsetOf(query);
    const filter = { webhookId: query.webhook_id, ...spanOf(query), limit, offset };
    const { deadLetters, total } = await ctx.deadLetters.list(tenantOf(request), filter);
    return page(deadLetters.map(toDeadLetterView), { limit, offset, total });
  });
}
