/**
 * What the audit log keeps of a webhook. Its rows stay for good, so that nothing secret may get into them:
 * of headers the names, of a secret nothing, of the URL no more than its origin, because its path and query
 * may be as good as a password.
 */
import { redactText } from '../telemetry/redact';
import type { Actor, AuditEntry } from './audit';
import type { Prisma } from './generated/client';
import type { Webhook, WebhookChange } from './webhooks';

export function webhookCreated(webhook: Webhook, actor: Actor): AuditEntry {
  return entryOf('webhook.created', webhook, actor, { ...fieldsOf(webhook), state: webhook.state });
}

/** @param changed what the client wrote */
export function webhookUpdated(before: Webhook, changed: WebhookChange, actor: Actor): AuditEntry {
  const after = { ...before, ...changed };
  return entryOf('webhook.updated', before, actor, {
    before: only(changed, fieldsOf(before)),
    after: only(changed, fieldsOf(after)),
  });
}

export function webhookDeleted(tenantId: string, { id, url }: Pick<Webhook, 'id' | 'url'>, actor: Actor): AuditEntry {
  return entryOf('webhook.deleted', { id, tenantId }, actor, { url: shownUrl(url) });
}

function entryOf(
  action: AuditEntry['action'],
  { id, tenantId }: Pick<Webhook, 'id' | 'tenantId'>,
  actor: Actor,
  details: Prisma.InputJsonObject,
): AuditEntry {
  return { tenantId, action, actor, target: `webhook:${id}`, details };
}

/** By the names of the API. */
function fieldsOf(webhook: Webhook) {
  return {
    url: shownUrl(webhook.url),
    description: webhook.description === null ? null : redactText(webhook.description),
    event_types: [...webhook.eventTypes],
    channel: webhook.channel,
    headers: [...webhook.headerNames],
    retry_policy: webhook.retryPolicy as Prisma.InputJsonValue,
    timeout_ms: webhook.timeoutMs,
    max_in_flight: webhook.maxInFlight,
    ttl_seconds: webhook.ttlSeconds,
    max_queue_size: webhook.maxQueueSize,
    lane: webhook.lane,
  };
}

type Field = keyof ReturnType<typeof fieldsOf>;

const fieldNames: Record<Exclude<keyof WebhookChange, 'headersEnc'>, Field> = {
  url: 'url',
  description: 'description',
  eventTypes: 'event_types',
  channel: 'channel',
  headerNames: 'headers',
  retryPolicy: 'retry_policy',
  timeoutMs: 'timeout_ms',
  maxInFlight: 'max_in_flight',
  ttlSeconds: 'ttl_seconds',
  maxQueueSize: 'max_queue_size',
  lane: 'lane',
};

function only(changed: WebhookChange, fields: ReturnType<typeof fieldsOf>): Prisma.InputJsonObject {
  const names = Object.entries(fieldNames).filter(([setting]) => setting in changed);
  return Object.fromEntries(names.map(([, field]) => [field, fields[field]]));
}

function shownUrl(url: string): string {
  return `${new URL(url).origin}/...`;
}
