/** POST /v1/replays/:id/cancel: what was set in motion by now goes on, the rest stays as it is. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { actorOf, tenantOf } from '../../principal';
import { errors, IdParams, NoBody } from '../../schemas/common';
import { ReplayView, toReplayView } from '../../schemas/replay';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'cancelReplay',
  summary: 'Cancel a replay',
  params: IdParams,
  body: NoBody,
  response: { 202: Envelope(ReplayView), ...errors(409) },
};

export function cancelReplay(app: App, ctx: ApiContext): void {
  const options = { schema, config: { access: { scope: 'write:deliveries' } } } as const;
  app.post('/replays/:id/cancel', options, async (request, reply) => {
    const replay = await ctx.replays.cancel(tenantOf(request), request.params.id, actorOf(request));
    return reply.code(202).send(ok(toReplayView(replay)));
  });
}
