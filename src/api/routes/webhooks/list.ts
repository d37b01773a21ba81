/** GET /v1/webhooks: the tenant's webhooks, newest first. */
import { Type } from 'typebox';
import { OffsetPage, page } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { EventTypeFilter, OffsetQuery, Ulid } from '../../schemas/common';
import { toWebhookView, WebhookStateView, WebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';
import { offsetOf } from '../../pagination';

const schema = {
  operationId: 'listWebhooks',
  summary: 'List webhooks',
  querystring: Type.Object(
    {
      ...OffsetQuery,
      'ids[]': Type.Optional(Type.Array(Ulid, { maxItems: 100, description: 'Only these.' })),
      'events[]': Type.Optional(
        Type.Array(EventTypeFilter, { maxItems: 100, description: 'Only those that have one of these event types.' }),
      ),
      is_active: Type.Optional(Type.Boolean({ description: 'false: only disabled ones; true: only others.' })),
      state: Type.Optional(WebhookStateView),
    },
    { additionalProperties: false },
  ),
  response: { 200: OffsetPage(WebhookView) },
};

export function listWebhooks(app: App, ctx: ApiContext): void {
  app.get('/webhooks', { schema, config: { access: { scope: 'read:webhooks' } } }, async (request) => {
    const { query } = request;
    const { limit, offset } = offsetOf(query);
    const { webhooks, total } = await ctx.webhooks.list(tenantOf(request), {
      ids: query['ids[]'],
      events: query['events[]'],
      states: statesOf(query.is_active, query.state),
      limit,
      offset,
    });
    return page(webhooks.map(toWebhookView), { limit, offset, total });
  });
}

type WebhookState = 'active' | 'paused' | 'disabled';

function statesOf(isActive: boolean | undefined, state: WebhookState | undefined): WebhookState[] | undefined {
  if (isActive === undefined) return state && [state];
  const states: WebhookState[] = isActive ? ['active', 'paused'] : ['disabled'];
  return state === undefined ? states : states.filter((one) => one === state);
}
