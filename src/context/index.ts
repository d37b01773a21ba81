/** What one process shares, built once from its configuration and handed to whoever needs a part of it. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Pool } from 'pg';
import { createAddressRanges } from '../address-ranges';
import { createAccessTokens } from '../api/access-tokens';
import { createGatewayTokens, type GatewayTokens } from '../api/gateway-tokens';
import type { ApiContext } from '../api/context';
import type { Config } from '../config';
import { attempt } from '../delivery/attempt';
import { catchUp, type CatchUpDeps, type CaughtUp, type CatchUpLimits } from '../delivery/catch-up';
import { changeState, type ChangeStateDeps } from '../delivery/change-state';
import { createDeliveryControl } from '../delivery/control';
import type { DlqLimit } from '../delivery/dlq-limit';
import type { Endpoint } from '../egress/denied-endpoints';
import { createEgressGuard } from '../egress/egress-guard';
import type { HttpSender } from '../delivery/http-sender';
import type { Slots } from '../delivery/slots';
import { createHealth } from '../health';
import type { SecretBox } from '../kms/secret-box';
import { acceptEvent } from '../outbox/accept';
import { acceptBatch } from '../outbox/accept-batch';
import { acceptTest } from '../outbox/accept-test';
import type { Admission } from '../outbox/admission';
import type { ControlPokes } from '../outbox/control-pokes';
import type { OperationalEvents } from '../outbox/operational-events';
import type { DirectLane } from '../outbox/direct-lane';
import type { Outbox } from '../outbox/outbox';
import type { Periodic } from '../outbox/periodic';
import { createAllWebhooks } from '../store/all-webhooks';
import { createApiKeys } from '../store/api-keys';
import { createAuditList } from '../store/audit-list';
import { createDeadLetters } from '../store/dead-letters';
import { createDeliveries } from '../store/deliveries';
import { createDeliveryChanges } from '../store/delivery-changes';
import type { DeliveryEnds } from '../store/delivery-ends';
import { createEventLists } from '../store/event-lists';
import { AttemptPartitions } from '../store/attempt-partitions';
import { createOverview } from '../store/overview';
import { createReplayRuns, type ReplayRuns } from '../store/replay-runs';
import { createReplays } from '../store/replays';
import { createRetention, type Retention } from '../store/retention';
import { createTenants } from '../store/tenants';
import type { StateChange, StateChanged } from '../store/webhook-state';
import { createSecretRotation } from '../store/webhook-secrets';
import { createWebhookStats } from '../store/webhook-stats';
import { createWebhooks } from '../store/webhooks';
import type { Telemetry } from '../telemetry/events';
import { createLogger, type Logger } from '../telemetry/logger';
import { createMetrics } from '../telemetry/metrics';
import type { AttemptInput, AttemptResult } from '../temporal/contracts';
import { connectionSecurity } from '../temporal/connection-security';
import { dataConverterOf } from '../temporal/data-converter';
import { TemporalLink } from '../temporal/link';
import { createAccepting } from './accepting';
import { closeDatabases, createDatabases } from './databases';
import { createDispatch } from './dispatch';
import { inTime } from './in-time';
import { ownEndpoints } from './own-endpoints';
import { createSecrets, type KmsCredentials } from './secrets';
import { createSending, type Sending } from './sending';
import { createSweeps } from './sweeps';

/** All that the API needs, and what the worker needs besides. */
export interface Context extends ApiContext {
  readonly config: Config;
  readonly workerPool: Pool;
  readonly temporal: TemporalLink;
  readonly outbox: Outbox;
  readonly direct: DirectLane;
  readonly control: ControlPokes;
  readonly slots: Slots;
  readonly admission: Admission;
  /** What a worker looks after from time to time, besides the outbox. */
  readonly sweeps: readonly Periodic[];
  readonly partitions: AttemptPartitions;
  readonly deliveryEnds: DeliveryEnds;
  readonly dlqLimit: DlqLimit;
  readonly operationalEvents: OperationalEvents;
  readonly retention: Retention;
  readonly secrets: SecretBox;
  readonly sender: HttpSender;
  readonly attempt: (input: AttemptInput) => Promise<AttemptResult>;
  readonly replayRuns: ReplayRuns;
  readonly catchUp: (webhookId: string, limits: CatchUpLimits) => Promise<CaughtUp>;
  /** In Everhook's own name, or for the Temporal UI. */
  readonly changeState: (change: StateChange) => Promise<StateChanged>;
  /** Ends everything, in the order in which the parts need each other. */
  close(): Promise<void>;
}

/** What a test or the embedded mode puts in the place of the usual part. */
export interface ContextOverrides {
  readonly log?: Logger;
  /** Credentials of the KMS; those of the environment unless given. */
  readonly kmsCredentials?: KmsCredentials;
  /** What no webhook may point to, besides what the configuration tells. */
  readonly ownEndpoints?: readonly Endpoint[];
}

export function createContext(config: Config, overrides: ContextOverrides = {}): Context {
  const log = overrides.log ?? createLogger({ level: config.LOG_LEVEL });
  const telemetry: Telemetry = { log, metrics: createMetrics() };
  // A restarted process is another one: what it had claimed before is taken over like anybody's.
  const processId = `${hostname()}:${process.pid}:${randomUUID()}`;

  const databases = createDatabases(config, telemetry);
  const { servicePool, servicePrisma, workerPool, workerPrisma } = databases;
  const secrets = createSecrets(config, telemetry, workerPool, overrides.kmsCredentials);
  const guard = createEgressGuard({
    allowHttp: config.EGRESS_ALLOW_HTTP,
    allowCidrs: config.EGRESS_ALLOW_CIDRS,
    denyCidrs: config.EGRESS_DENY_CIDRS,
    denyHosts: config.EGRESS_DENY_HOSTS,
    ownEndpoints: [...ownEndpoints(config), ...(overrides.ownEndpoints ?? [])],
  });
  const temporal = new TemporalLink({
    address: config.TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    security: connectionSecurity(config),
    dataConverter: dataConverterOf(config),
    log,
  });

  const dispatch = createDispatch({
    config,
    telemetry,
    workerPool,
    temporal,
    processId,
    attempt: (call) => attempt(sending, call),
  });
  const { outbox, direct, lanes, control, admission, slots, deliveryEnds } = dispatch;
  const changing: ChangeStateDeps = { telemetry, workerPrisma, poke: (webhook) => control.poke(webhook) };
  const accepting = createAccepting({ telemetry, databases, lanes, changing, processId });
  const sweeps = createSweeps({ config, telemetry, workerPool, temporal, deliveryEnds, control, accepting });
  const sending: Sending = createSending({ telemetry, workerPool, guard, secrets: secrets.box, slots, changing });

  const replayRuns = createReplayRuns(workerPool);
  const catchingUp: CatchUpDeps = {
    telemetry,
    fanOut: dispatch.fanOut,
    replayRuns,
    outbox,
    announce: (webhookId, standing) => accepting.operationalEvents.webhookChanged(webhookId, standing),
    signal: (deliveryId, signal) => temporal.signal(deliveryId, signal),
    rate: config.RESUME_RATE_PER_SECOND,
  };
  const partitions = new AttemptPartitions(workerPool, (error) =>
    log.warn({ event: 'database.partitions_missing', err: error }),
  );
  const deliveries = createDeliveries(servicePool);

  return {
    config,
    telemetry,
    workerPool,
    temporal,
    outbox,
    direct,
    control,
    slots,
    admission,
    sweeps,
    partitions,
    health: createHealth(
      {
        database: async () => void (await workerPool.query('SELECT 1')),
        temporal: () => temporal.check(),
        kms: () => secrets.check(),
      },
      log,
    ),
    accessTokens: createAccessTokens(config.JWT_SECRET),
    gatewayTokens: gatewayTokensOf(config),
    trustedProxies: createAddressRanges('TRUSTED_PROXY_CIDRS', config.TRUSTED_PROXY_CIDRS),
    tenants: createTenants(servicePrisma, workerPool),
    apiKeys: createApiKeys(servicePrisma, workerPool),
    webhooks: createWebhooks(servicePrisma),
    replays: createReplays(servicePrisma),
    rotateWebhookSecret: createSecretRotation(servicePrisma),
    deliveries,
    deadLetters: createDeadLetters(servicePool),
    auditLog: createAuditList(servicePool),
    deliveryControl: createDeliveryControl({
      telemetry,
      deliveries,
      changes: createDeliveryChanges(servicePrisma),
      outbox,
      signal: (deliveryId, signal) => temporal.signal(deliveryId, signal),
    }),
    quotas: accepting.quotas,
    webhookStats: createWebhookStats(servicePool),
    allWebhooks: createAllWebhooks(workerPrisma),
    overview: createOverview(workerPool),
    events: createEventLists(servicePool),
    deliveryEnds,
    dlqLimit: accepting.dlqLimit,
    operationalEvents: accepting.operationalEvents,
    retention: createRetention(workerPool, {
      days: config.RETENTION_DAYS,
      auditDays: config.AUDIT_RETENTION_DAYS,
    }),
    secrets: secrets.box,
    guard,
    sender: sending.sender,
    takeEvents: (tenantId, count) => accepting.eventQuota.take(tenantId, count),
    acceptEvent: (event) => acceptEvent(accepting, event),
    acceptBatch: (tenantId, events) => acceptBatch(accepting, tenantId, events),
    acceptTest: (test) => acceptTest(accepting, test),
    attempt: (input) => attempt(sending, input),
    replayRuns,
    catchUp: (webhookId, limits) => catchUp(catchingUp, webhookId, limits),
    // The control workflow asks for it, and needs not be told.
    changeState: (change) => changeState({ ...changing, poke: () => {} }, change),
    async close() {
      partitions.stop();
      await inTime(accepting.operationalEvents.idle());
      await inTime(Promise.all([admission.stop(), control.stop(), ...sweeps.map((each) => each.stop())]));
      await direct.stop();
      await outbox.stop();
      // Attempts that have not ended by now are made again by another process; what they recorded is kept.
      await sending.sender.close();
      await inTime(sending.recorder.idle());
      await inTime(slots.stop());
      await inTime(accepting.eventQuota.idle());
      await inTime(temporal.close());
      await inTime(accepting.dlqLimit.stop());
      await closeDatabases(databases);
      secrets.close();
    },
  };
}

function gatewayTokensOf(config: Config): GatewayTokens | undefined {
  const { JWT_JWKS_URL: jwksUrl, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config;
  if (jwksUrl === undefined || issuer === undefined || audience === undefined) return undefined;
  return createGatewayTokens({
    jwksUrl,
    issuer,
    audience,
    tenantClaim: config.JWT_TENANT_CLAIM,
    scopeClaim: config.JWT_SCOPE_CLAIM,
  });
}
