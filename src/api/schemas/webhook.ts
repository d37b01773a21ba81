/** Webhooks as clients write and read them. */
import { Type, type Static } from 'typebox';
import { lanes } from '../../domain/lane';
import { maxDelays, maxDelaySeconds } from '../../domain/retry-policy';
import type { Webhook } from '../../store/webhooks';
import { redactedMask } from '../../telemetry/redact';
import { EventTypeFilter, Nullable, Text, Timestamp, Ulid } from './common';

const exampleUrl = 'https://example.com/webhooks';

const closed = { additionalProperties: false };

export const RetryPolicySchema = Type.Union(
  [
    Type.Literal('default'),
    Type.Literal('extended'),
    Type.Object(
      {
        delays_seconds: Type.Array(Type.Integer({ minimum: 1, maximum: maxDelaySeconds }), { maxItems: maxDelays }),
      },
      closed,
    ),
  ],
  {
    description: `"default", "extended", or {"delays_seconds": [...]} with at most ${maxDelays} delays of 1 to ${maxDelaySeconds} seconds.`,
    examples: ['default'],
  },
);

const EventTypeFilters = Type.Array(EventTypeFilter, { minItems: 1, maxItems: 100 });

const settings = {
  url: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'Where deliveries are sent.' })),
  callback_url: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'Another name of url.' })),
  event_types: Type.Optional(EventTypeFilters),
  event: Type.Optional(EventTypeFilter),
  events: Type.Optional(EventTypeFilters),
  description: Type.Optional(Nullable(Text(255))),
  channel: Type.Optional(Nullable(Text(255, { minLength: 1 }))),
  is_active: Type.Optional(Type.Boolean()),
  headers: Type.Optional(
    Type.Record(Type.String(), Type.String({ maxLength: 4096 }), {
      maxProperties: 20,
      description: 'At most 20 headers that are sent along.',
    }),
  ),
  retry_policy: Type.Optional(RetryPolicySchema),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 1000, maximum: 30000 })),
  max_in_flight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  ttl_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_592_000 })),
  max_queue_size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  lane: Type.Optional(
    Type.Enum([...lanes], {
      description:
        '`workflow`: each delivery is a Temporal workflow from its first attempt on. `direct`: the first attempt is made straight after the event is accepted, and a workflow is started only for what does not succeed at once.',
    }),
  ),
  tenant_id: Type.Optional(Type.String({ description: "Your own tenant's id; may be left out." })),
};

export const WebhookChange = Type.Object(settings, {
  ...closed,
  examples: [{ event_types: ['order.*', 'invoice.paid'], timeout_ms: 10_000 }],
});

export const Secret = Type.String({
  description: '16 to 128 characters; generated and returned once when left out.',
  examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
});

export const NewWebhook = Type.Object(
  { ...settings, secret: Type.Optional(Secret) },
  {
    ...closed,
    examples: [{ url: exampleUrl, event_types: ['order.*'], description: 'Order service' }],
  },
);

export const WebhookStateView = Type.Enum(['active', 'paused', 'disabled'], { description: 'Whether it gets events.' });

export const WebhookView = Type.Object({
  id: Ulid,
  tenant_id: Type.String({ examples: ['acme'] }),
  url: Type.String({ examples: [exampleUrl] }),
  description: Nullable(Type.String({ examples: ['Order service'] })),
  event_types: Type.Array(Type.String(), { examples: [['order.*']] }),
  channel: Nullable(Type.String(), { examples: [null] }),
  is_active: Type.Boolean(),
  state: WebhookStateView,
  state_reason: Nullable(Type.String(), { examples: [null] }),
  headers: Type.Record(Type.String(), Type.String(), {
    description: 'Names only; values are masked.',
    examples: [{ 'x-team': redactedMask }],
  }),
  retry_policy: RetryPolicySchema,
  timeout_ms: Type.Integer({ examples: [5000] }),
  max_in_flight: Type.Integer({ examples: [10] }),
  ttl_seconds: Type.Integer({ examples: [86_400] }),
  max_queue_size: Type.Integer({ examples: [10_000] }),
  lane: Type.Enum([...lanes]),
  api_version: Type.String({ examples: ['v1'] }),
  signing_algorithm: Type.String({ examples: ['HMAC-SHA256'] }),
  created_at: Timestamp,
  updated_at: Timestamp,
});

export const CreatedWebhookView = Type.Object({
  ...WebhookView.properties,
  secret: Type.Optional(
    Type.String({ description: 'Only here, and only when it was generated.', examples: ['whsec_...'] }),
  ),
});

/** What stands for a value that is not shown. */
export const mask = redactedMask;

export function toWebhookView(webhook: Webhook): Static<typeof WebhookView> {
  return {
    id: webhook.id,
    tenant_id: webhook.tenantId,
    url: webhook.url,
    description: webhook.description,
    event_types: [...webhook.eventTypes],
    channel: webhook.channel,
    is_active: webhook.state !== 'disabled',
    state: webhook.state,
    state_reason: webhook.stateReason,
    headers: Object.fromEntries(webhook.headerNames.map((name) => [name, mask])),
    retry_policy: webhook.retryPolicy as Static<typeof RetryPolicySchema>,
    timeout_ms: webhook.timeoutMs,
    max_in_flight: webhook.maxInFlight,
    ttl_seconds: webhook.ttlSeconds,
    max_queue_size: webhook.maxQueueSize,
    lane: webhook.lane,
    api_version: webhook.apiVersion,
    signing_algorithm: webhook.signingAlgorithm,
    created_at: webhook.createdAt.toISOString(),
    updated_at: webhook.updatedAt.toISOString(),
  };
}
