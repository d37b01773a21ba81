/** GET /v1/replays/:id: how far a replay has come. */
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { tenantOf } from '../../principal';
import { IdParams } from '../../schemas/common';
import { ReplayView, toReplayView } from '../../schemas/replay';
import type { ApiContext } from '../../context';

const schema = {
  operationId: 'getReplay',
  summary: 'Get a replay',
  params: IdParams,
  response: { 200: Envelope(ReplayView) },
};

export function getReplay(app: App, ctx: ApiContext): void {
  app.get('/replays/:id', { schema, config: { access: { scope: 'read:deliveries' } } }, async (request) =>
    ok(toReplayView(await ctx.replays.get(tenantOf(request), request.params.id))),
  );
}
