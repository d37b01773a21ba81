/** GET /v1/event-types: the types of the events that are kept, in alphabetical order. */
import { Type } from 'typebox';
import { eventTypePattern } from '../../../domain/event-type';
import { maxTypeCount } from '../../../store/event-lists';
import { CursorPage, page } from '../../envelope';
import type { App } from '../../http';
import { cursorPage, keyOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { CursorQuery, Timestamp } from '../../schemas/common';
import type { ApiContext } from '../../context';

const EventTypeView = Type.Object({
  type: Type.String({
    description: 'In lower case; types are compared without regard to it.',
    examples: ['order.created'],
  }),
  count: Type.Integer({
    description: `Events kept; ${maxTypeCount} stands for that many or more.`,
    examples: [128],
  }),
  last_seen_at: Timestamp,
});

const schema = {
  operationId: 'listEventTypes',
  summary: 'List the event types seen',
  querystring: Type.Object(CursorQuery, { additionalProperties: false }),
  response: { 200: CursorPage(EventTypeView) },
};

const typeKey = new RegExp(eventTypePattern);

export function listEventTypes(app: App, ctx: ApiContext): void {
  app.get('/event-types', { schema, config: { access: { scope: 'read:events' } } }, async (request) => {
    const { limit, cursor } = request.query;
    const rows = await ctx.events.types(tenantOf(request), { limit, after: keyOf(cursor, typeKey) });
    const { items, pagination } = cursorPage(rows, limit, ({ type }) => type);
    return page(
      items.map(({ type, count, lastSeenAt }) => ({ type, count, last_seen_at: lastSeenAt.toISOString() })),
      pagination,
    );
  });
}
