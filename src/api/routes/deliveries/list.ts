/** GET /v1/deliveries: newest first, by what they are about. */
import { Type } from 'typebox';
import { ulidPattern } from '../../../domain/ids';
import { CursorPage, page } from '../../envelope';
import type { App } from '../../http';
import { cursorPage, keyOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { CursorQuery, dateOf, EventId, EventType, Timestamp, Ulid } from '../../schemas/common';
import { DeliveryView, Status, toDeliveryView } from '../../schemas/delivery';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listDeliveries',
  summary: 'List deliveries',
  querystring: Type.Object(
    {
      ...CursorQuery,
      webhook_id: Type.Optional(Ulid),
      event_id: Type.Optional(EventId),
      event_type: Type.Optional(EventType),
      status: Type.Optional(Status),
      from: Type.Optional(Timestamp),
      to: Type.Optional(Timestamp),
    },
    { additionalProperties: false },
  ),
  response: { 200: CursorPage(DeliveryView) },
};

const ulid = new RegExp(ulidPattern);

export function listDeliveries(app: App, ctx: ApiContext): void {
  app.get('/deliveries', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) => {
    const { query } = request;
    const rows = await ctx.deliveries.list(tenantOf(request), {
      webhookId: query.webhook_id,
      eventId: query.event_id,
      eventType: query.event_type,
      status: query.status,
      from: dateOf('from', query.from),
      to: dateOf('to', query.to),
      limit: query.limit,
      before: keyOf(query.cursor, ulid),
    });
    const { items, pagination } = cursorPage(rows, query.limit, ({ id }) => id);
    return page(items.map(toDeliveryView), pagination);
  });
}
