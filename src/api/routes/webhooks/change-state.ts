/**
 * POST /v1/webhooks/:id/pause, /resume, /disable and /enable: one handler, because they differ in nothing but
 * the word. Which state allows which of them is decided where the state is written (store/webhook-state.ts).
 */
import { Type } from 'typebox';
import type { StateAction } from '../../../domain/webhook-state';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { emptyBodyByDefault } from '../../optional-body';
import { actorOf, tenantOf } from '../../principal';
import { errors, IdParams, Text } from '../../schemas/common';
import { toWebhookView, WebhookView } from '../../schemas/webhook';
import type { ApiContext } from '../../context';
import { tellStateChanged } from './state-changed';

const summaries: Record<StateAction, string> = {
  pause: 'Hold the deliveries of a webhook back',
  resume: 'End the pause of a webhook',
  disable: 'Stop a webhook from getting anything',
  enable: 'Let a disabled webhook get events again',
};

const schema = {
  params: IdParams,
  body: Type.Object(
    { reason: Type.Optional(Text(255, { minLength: 1, description: 'At most 255 characters; `manual` by default.' })) },
    { additionalProperties: false, default: {}, description: 'May be left out as a whole.' },
  ),
  response: { 200: Envelope(WebhookView), ...errors(409, 422) },
};

export function changeWebhookState(app: App, ctx: ApiContext): void {
  for (const [action, summary] of Object.entries(summaries) as [StateAction, string][]) {
    const options = {
      schema: { ...schema, operationId: `${action}Webhook`, summary },
      config: { access: { scope: 'write:webhooks' } },
      preValidation: emptyBodyByDefault,
    } as const;
    app.post(`/webhooks/:id/${action}`, options, async (request) => {
      const tenantId = tenantOf(request);
      const actor = actorOf(request);
      const change = { action, reason: request.body.reason ?? 'manual' };
      const { webhook, changed } = await ctx.webhooks.changeState(tenantId, request.params.id, change, actor);
      if (changed) tellStateChanged(ctx, webhook, actor);
      return ok(toWebhookView(webhook));
    });
  }
}
