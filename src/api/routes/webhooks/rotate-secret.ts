/** POST /v1/webhooks/:id/rotate-secret: another secret; the one before signs along until the grace is over. */
import { Type } from 'typebox';
import { Envelope, ok } from '../../envelope';
import type { App } from '../../http';
import { emptyBodyByDefault } from '../../optional-body';
import { actorOf, tenantOf } from '../../principal';
import { errors, IdParams, Nullable, Timestamp } from '../../schemas/common';
import { Secret } from '../../schemas/webhook';
import type { ApiContext } from '../../context';
import { givenOrGenerated } from './secret';

const schema = {
  operationId: 'rotateWebhookSecret',
  summary: 'Replace the secret of a webhook',
  params: IdParams,
  body: Type.Object(
    {
      secret: Type.Optional(Secret),
      grace_period_seconds: Type.Integer({
        minimum: 0,
        maximum: 604_800,
        default: 86_400,
        description: 'How long both secrets sign; 0 ends the old one at once.',
      }),
      force: Type.Boolean({
        default: false,
        description: 'Rotates again although the secret before this one still signs, and drops that one.',
      }),
    },
    {
      additionalProperties: false,
      default: {},
      description: 'May be left out as a whole.',
      examples: [{ grace_period_seconds: 3600, force: false }],
    },
  ),
  response: {
    200: Envelope(
      Type.Object({
        secret: Type.Optional(
          Type.String({
            description: 'Only here, and only when it was generated.',
            examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
          }),
        ),
        previous_secret_expires_at: Nullable(Timestamp),
      }),
    ),
    ...errors(409),
  },
};

export function rotateWebhookSecret(app: App, ctx: ApiContext): void {
  const options = {
    schema,
    config: { access: { scope: 'write:webhooks' } },
    preValidation: emptyBodyByDefault,
  } as const;
  app.post('/webhooks/:id/rotate-secret', options, async (request, reply) => {
    const tenantId = tenantOf(request);
    const { body } = request;
    // Another tenant's webhook answers 404 before a secret is judged or sealed for it.
    const { id } = await ctx.webhooks.get(tenantId, request.params.id);
    const secret = givenOrGenerated(body.secret);
    // A sealed secret is bound to its column, so the current one is sealed again to become the previous one.
    const placeOf = (column: string) => ({ tenantId, table: 'webhook_configs', rowId: id, column });
    const previousSecretExpiresAt = await ctx.rotateWebhookSecret({
      tenantId,
      webhookId: id,
      secretEnc: await ctx.secrets.seal(placeOf('secret_enc'), secret),
      toPrevious: (sealed) => ctx.secrets.move(placeOf('secret_enc'), placeOf('previous_secret_enc'), sealed),
      graceSeconds: body.grace_period_seconds,
      force: body.force,
      actor: actorOf(request),
    });
    return reply.header('cache-control', 'no-store').send(
      ok({
        ...(body.secret === undefined && { secret }),
        previous_secret_expires_at: previousSecretExpiresAt?.toISOString() ?? null,
      }),
    );
  });
}
