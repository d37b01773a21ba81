/** GET /v1/events: newest first, by type and time. */
import { Type } from 'typebox';
import type { EventKey } from '../../../store/event-lists';
import { CursorPage, page } from '../../envelope';
import type { App } from '../../http';
import { cursorPage, keyOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { CursorQuery, dateOf, EventType, Timestamp } from '../../schemas/common';
import { EventView, toEventView } from '../../schemas/event';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'listEvents',
  summary: 'List events',
  querystring: Type.Object(
    {
      ...CursorQuery,
      type: Type.Optional(EventType),
      from: Type.Optional(Timestamp),
      to: Type.Optional(Timestamp),
    },
    { additionalProperties: false },
  ),
  response: { 200: CursorPage(EventView) },
};

/** Milliseconds and id; an id has at most 255 characters and no space. */
const keyPattern = /^\d{1,15} [!-.0-~]{1,255}$/;

export function listEvents(app: App, ctx: ApiContext): void {
  app.get('/events', { schema, config: { access: { scope: 'read:events' } } }, async (request) => {
    const { query } = request;
    const rows = await ctx.events.list(tenantOf(request), {
      type: query.type,
      from: dateOf('from', query.from),
      to: dateOf('to', query.to),
      limit: query.limit,
      before: toKey(keyOf(query.cursor, keyPattern)),
    });
    const { items, pagination } = cursorPage(rows, query.limit, ({ createdAt, id }) => `${createdAt.getTime()} ${id}`);
    return page(items.map(toEventView), pagination);
  });
}

function toKey(key: string | undefined): EventKey | undefined {
  if (key === undefined) return undefined;
  const [ms = '', id = ''] = key.split(' ');
  return { createdAt: new Date(Number(ms)), id };
}
