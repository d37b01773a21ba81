/** From what a client wrote to what is stored: aliases, checks beyond the schema, sealing. */
import type { Static } from 'typebox';
import { HeaderNotAllowed, assertSafeHeader } from '../../../delivery/custom-headers';
import { UrlNotAllowed, type EgressGuard } from '../../../egress/egress-guard';
import { EverhookError, invalidField } from '../../../domain/errors';
import { policyProblem } from '../../../domain/retry-policy';
import type { SecretBox } from '../../../kms/secret-box';
import type { Webhook, WebhookChange, WebhookSettings } from '../../../store/webhooks';
import { mask, type WebhookChange as WebhookChangeSchema } from '../../schemas/webhook';

type Change = Static<typeof WebhookChangeSchema>;

export interface SettingsDeps {
  readonly guard: Pick<EgressGuard, 'checkUrl'>;
  readonly secrets: Pick<SecretBox, 'seal'>;
}

/**
 * @returns only the settings that the client wrote
 * @throws VALIDATION_ERROR, URL_NOT_ALLOWED, KmsUnavailable
 */
export async function toSettings(
  deps: SettingsDeps,
  tenantId: string,
  webhookId: string,
  body: Change,
): Promise<WebhookChange> {
  const url = oneOf('url', body.url, 'callback_url', body.callback_url);
  const events = oneOf('events', body.events, 'event', body.event === undefined ? undefined : [body.event]);
  const eventTypes = oneOf('event_types', body.event_types, body.event === undefined ? 'events' : 'event', events);
  const given = {
    url: url === undefined ? undefined : allowedUrl(deps.guard, url, body.url === undefined ? 'callback_url' : 'url'),
    eventTypes,
    description: body.description,
    channel: body.channel,
    retryPolicy: body.retry_policy,
    timeoutMs: body.timeout_ms,
    maxInFlight: body.max_in_flight,
    ttlSeconds: body.ttl_seconds,
    maxQueueSize: body.max_queue_size,
    lane: body.lane,
    ...(body.headers && (await sealHeaders(deps.secrets, tenantId, webhookId, body.headers))),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** @throws VALIDATION_ERROR when the delays would outlast the delivery */
export function checkPolicy({ retryPolicy, ttlSeconds }: Pick<Webhook, 'retryPolicy' | 'ttlSeconds'>): void {
  const problem = policyProblem(retryPolicy, ttlSeconds);
  if (problem !== undefined) throw invalidField('retry_policy', problem);
}

function oneOf<T>(name: string, value: T | undefined, alias: string, aliased: T | undefined): T | undefined {
  if (value !== undefined && aliased !== undefined) {
    throw invalidField(alias, `${alias} is another name of ${name}; send one of them.`);
  }
  return value ?? aliased;
}

/** @param field as the client named it */
function allowedUrl(guard: SettingsDeps['guard'], url: string, field: string): string {
  try {
    return guard.checkUrl(url).href;
  } catch (error) {
    if (!(error instanceof UrlNotAllowed)) throw error;
    throw new EverhookError('URL_NOT_ALLOWED', error.reason, {
      field,
      publicMessage: error.message,
      details: { reason: error.reason },
      cause: error,
    });
  }
}

async function sealHeaders(
  secrets: SettingsDeps['secrets'],
  tenantId: string,
  webhookId: string,
  headers: Record<string, string>,
): Promise<Pick<WebhookSettings, 'headersEnc' | 'headerNames'>> {
  const headerNames = Object.keys(headers);
  if (new Set(headerNames.map((name) => name.toLowerCase())).size < headerNames.length) {
    throw invalidField('headers', 'headers names one header twice; names are compared without regard to case.');
  }
  for (const [name, value] of Object.entries(headers)) allowedHeader(name, value);
  if (headerNames.length === 0) return { headersEnc: null, headerNames };
  const place = { tenantId, table: 'webhook_configs', rowId: webhookId, column: 'headers_enc' };
  return { headersEnc: await secrets.seal(place, JSON.stringify(headers)), headerNames };
}

function allowedHeader(name: string, value: string): void {
  if (value === mask) {
    throw invalidField('headers', `The value of ${name} is the mask that the API shows; send the real value.`);
  }
  try {
    assertSafeHeader(name, value);
  } catch (error) {
    if (!(error instanceof HeaderNotAllowed)) throw error;
    throw new EverhookError('VALIDATION_ERROR', 'header refused', {
      field: 'headers',
      publicMessage: error.message,
      cause: error,
    });
  }
}
