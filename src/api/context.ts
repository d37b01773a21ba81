/** What the routes get handed. Only what the API needs, so that a test can replace any of it. */
import type { AddressRanges } from '../address-ranges';
import type { Config } from '../config';
import type { DeliveryControl } from '../delivery/control';
import type { EgressGuard } from '../egress/egress-guard';
import type { WebhookIds } from '../domain/ids';
import type { Health } from '../health';
import type { SecretBox } from '../kms/secret-box';
import type { AcceptEvent } from '../outbox/accept';
import type { AllWebhooks } from '../store/all-webhooks';
import type { ListAuditLog } from '../store/audit-list';
import type { DeadLetters } from '../store/dead-letters';
import type { ApiKeys } from '../store/api-keys';
import type { AcceptBatch } from '../outbox/accept-batch';
import type { AcceptTest } from '../outbox/accept-test';
import type { TakeEvents } from '../outbox/event-quota';
import type { Deliveries } from '../store/deliveries';
import type { EventLists } from '../store/event-lists';
import type { Replays } from '../store/replays';
import type { ReadOverview } from '../store/overview';
import type { Quotas } from '../store/quotas';
import type { Tenants } from '../store/tenants';
import type { RotateWebhookSecret } from '../store/webhook-secrets';
import type { ReadWebhookStats } from '../store/webhook-stats';
import type { Webhooks } from '../store/webhooks';
import type { Telemetry } from '../telemetry/events';
import type { AccessTokens } from './access-tokens';
import type { GatewayTokens } from './gateway-tokens';

export interface ApiContext {
  readonly config: Pick<
    Config,
    | 'ADMIN_TOKEN'
    | 'OTEL_EXPORTER_OTLP_ENDPOINT'
    | 'TRUST_GATEWAY_HEADERS'
    | 'MAX_EVENT_BYTES'
    | 'RETRY_POLICY_DEFAULT'
    | 'HTTP_DELIVERY_TIMEOUT_MS'
    | 'MANAGEMENT_RATE_PER_MINUTE'
  >;
  readonly telemetry: Telemetry;
  readonly health: Health;
  readonly accessTokens: AccessTokens;
  /** Undefined without a gateway that issues tokens. */
  readonly gatewayTokens: GatewayTokens | undefined;
  readonly trustedProxies: AddressRanges;
  readonly tenants: Tenants;
  readonly apiKeys: ApiKeys;
  readonly webhooks: Webhooks;
  readonly replays: Replays;
  /** Tells a webhook's control workflow of a change that is committed. */
  readonly control: { poke(webhook: WebhookIds): void };
  readonly rotateWebhookSecret: RotateWebhookSecret;
  readonly webhookStats: ReadWebhookStats;
  readonly allWebhooks: AllWebhooks;
  readonly overview: ReadOverview;
  readonly events: EventLists;
  readonly deliveries: Deliveries;
  readonly deadLetters: DeadLetters;
  readonly auditLog: ListAuditLog;
  readonly deliveryControl: DeliveryControl;
  readonly quotas: Quotas;
  readonly secrets: Pick<SecretBox, 'seal' | 'move'>;
  readonly guard: Pick<EgressGuard, 'checkUrl'>;
  readonly takeEvents: TakeEvents;
  readonly acceptEvent: AcceptEvent;
  readonly acceptBatch: AcceptBatch;
  readonly acceptTest: AcceptTest;
}
