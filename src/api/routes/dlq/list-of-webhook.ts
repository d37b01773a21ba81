/** GET /v1/dlq/webhook/:id: the dead letters of one webhook, also of one that was deleted. */
import { Type } from 'typebox';
import { OffsetPage, page } from '../../envelope';
import type { App } from '../../http';
import { offsetOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import { DeadLetterSpan, DeadLetterView, spanOf, toDeadLetterView } from '../../schemas/dead-letter';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listDeadLettersOfWebhook',
  summary: 'List the dead letters of a webhook',
  params: IdParams,
  querystring: Type.Object(DeadLetterSpan, { additionalProperties: false }),
  response: { 200: OffsetPage(DeadLetterView) },
};

export function listDeadLettersOfWebhook(app: App, ctx: ApiContext): void {
  app.get('/dlq/webhook/:id', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) => {
    const { params, query } = request;
    const { limit, offset } = offsetOf(query);
    const filter = { webhookId: params.id, ...spanOf(query), limit, offset };
    const { deadLetters, total } = await ctx.deadLetters.listOf(tenantOf(request), filter);
    return page(deadLetters.map(toDeadLetterView), { limit, offset, total });
  });
}
