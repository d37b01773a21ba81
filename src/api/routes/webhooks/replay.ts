/** POST /v1/webhooks/:id/replay: sends many of a webhook's deliveries again, each under its own id. */
import { Type } from 'typebox';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { errors, IdParams, Ulid } from '../../schemas/common';
import { NewReplay, toFilter } from '../../schemas/replay';
import type { ApiContext } from '../../context';

const Matched = Type.Integer({ description: 'Deliveries that the filter finds.', examples: [412] });

const schema = {
  operationId: 'replayWebhook',
  summary: 'Replay deliveries of a webhook',
  params: IdParams,
  body: NewReplay,
  response: {
    200: Envelope(Type.Object({ matched: Matched }, { description: 'Of a dry run.' })),
    202: Envelope(Type.Object({ replay_id: Ulid, matched: Matched })),
    ...errors(409),
  },
};

export function replayWebhook(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/webhooks/:id/replay', options, async (request, reply) => {
    const tenantId = tenantOf(request);
    const webhookId = request.params.id;
    const filter = toFilter(request.body);
    if (request.body.dry_run) return ok({ matched: await ctx.replays.count(tenantId, webhookId, filter) });

    const { id, matched } = await ctx.replays.open({ tenantId, webhookId, filter, actor: actorOf(request) });
    ctx.control.poke({ tenantId, webhookId });
    return reply.code(202).send(ok({ replay_id: id, matched }));
  });
}
