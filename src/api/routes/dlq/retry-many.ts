/** POST /v1/dlq/retry: replays the dead letters that a filter finds, with one replay per webhook. */
import { Type } from 'typebox';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { dateOf, Ulid } from '../../schemas/common';
import { DryRun, ReplayLimit } from '../../schemas/replay';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'retryDeadLetters',
  summary: 'Replay dead letters',
  body: Type.Object(
    {
      webhook_id: Type.Optional(Ulid),
      from: Type.Optional(Type.String({ format: 'date-time', description: 'Dead since this time or later.' })),
      to: Type.Optional(Type.String({ format: 'date-time', description: 'Dead before this time.' })),
      limit: ReplayLimit,
      dry_run: DryRun,
    },
    {
      additionalProperties: false,
      examples: [{ from: '2026-01-31T12:00:00Z', limit: 1_000, dry_run: false }],
    },
  ),
  response: {
    200: Envelope(Type.Object({ matched: Type.Integer({ examples: [412] }) }, { description: 'Of a dry run.' })),
    202: Envelope(
      Type.Object({
        matched: Type.Integer({ description: 'Dead letters of webhooks that are not disabled.', examples: [412] }),
        replay_ids: Type.Array(Ulid, { description: 'One for each webhook.' }),
      }),
    ),
  },
};

export function retryDeadLetters(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/dlq/retry', options, async (request, reply) => {
    const { webhook_id: webhookId, limit, dry_run: dryRun, from, to } = request.body;
    const tenantId = tenantOf(request);
    const selection = { webhookId, from: dateOf('from', from), to: dateOf('to', to), limit };
    if (dryRun) return ok({ matched: await ctx.replays.countDeadLetters(tenantId, selection) });

    const replays = await ctx.replays.openForDeadLetters(tenantId, selection, actorOf(request));
    for (const { webhookId } of replays) ctx.control.poke({ tenantId, webhookId });
    const matched = replays.reduce((total, replay) => total + replay.matched, 0);
    return reply.code(202).send(ok({ matched, replay_ids: replays.map(({ id }) => id) }));
  });
}
