/** GET /v1/audit-logs: who did what to what, newest first. */
import { Type, type Static } from 'typebox';
import { ulidPattern } from '../../../domain/ids';
import { auditActions } from '../../../store/audit';
import type { AuditRecord } from '../../../store/audit-list';
import { CursorPage, page } from '../../envelope';
import type { App } from '../../http';
import { cursorPage, keyOf } from '../../pagination';
import { tenantOf } from '../../principal';
import { CursorQuery, dateOf, Nullable, Timestamp, Ulid } from '../../schemas/common';
import type { ApiContext } from '../../context';

const Action = Type.Enum([...auditActions], { description: 'What was done.', examples: ['webhook.paused'] });

const AuditRecordView = Type.Object({
  id: Ulid,
  action: Action,
  actor: Type.String({
    description: 'admin, client:<client_id>, key:<id>, gateway:<subject>, everhook, temporal-ui.',
    examples: ['admin'],
  }),
  target: Type.String({
    description: 'What it was done to, such as webhook:<id>.',
    examples: ['webhook:01JH2YZK3WQ0T5E6R8D1M4X9CF'],
  }),
  details: Type.Object(
    {},
    {
      additionalProperties: true,
      description: 'What changed, by field; nothing secret is among it.',
      examples: [{ from: 'active', to: 'paused', reason: 'manual' }],
    },
  ),
  request_id: Nullable(Type.String({ examples: ['01JH2YZK3WQ0T5E6R8D1M4X9CF'] })),
  created_at: Timestamp,
});

const schema = {
  operationId: 'listAuditLog',
  summary: 'Read the audit log',
  querystring: Type.Object(
    {
      ...CursorQuery,
      action: Type.Optional(Action),
      from: Type.Optional(Timestamp),
      to: Type.Optional(Timestamp),
    },
    { additionalProperties: false },
  ),
  response: { 200: CursorPage(AuditRecordView) },
};

const ulid = new RegExp(ulidPattern);

export function listAuditLog(app: App, ctx: ApiContext): void {
  app.get('/audit-logs', { schema, config: { access: { scope: 'read:audit' } } }, async (request) => {
    const { query } = request;
    const rows = await ctx.auditLog(tenantOf(request), {
      action: query.action,
      from: dateOf('from', query.from),
      to: dateOf('to', query.to),
      limit: query.limit,
      before: keyOf(query.cursor, ulid),
    });
    const { items, pagination } = cursorPage(rows, query.limit, ({ id }) => id);
    return page(items.map(toView), pagination);
  });
}

function toView(record: AuditRecord): Static<typeof AuditRecordView> {
  return {
    id: record.id,
    action: record.action,
    actor: record.actor,
    target: record.target,
    details: record.details,
    request_id: record.requestId,
    created_at: record.createdAt.toISOString(),
  };
}
