/** What one process shares, built once from its configuration and handed to whoever needs a part of it. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { createAddressRanges } from './address-ranges';
import { createAccessTokens } from './api/access-tokens';
import { createGatewayTokens, type GatewayTokens } from './api/gateway-tokens';
import type { ApiContext } from './api/context';
import type { Config } from './config';
import { attempt } from './delivery/attempt';
import { catchUp, type CaughtUp, type CatchUpLimits } from './delivery/catch-up';
import { changeState } from './delivery/change-state';
import { AttemptRecorder } from './delivery/attempt-recorder';
import { createDeliveryControl } from './delivery/control';
import { DlqLimit, pauseForDlq } from './delivery/dlq-limit';
import { createEgressGuard } from './delivery/egress-guard';
import { pauseFailingWebhook } from './delivery/failing-webhook';
import { disableGoneWebhook } from './delivery/gone-webhook';
import { createHttpSender, type HttpSender } from './delivery/http-sender';
import { Slots } from './delivery/slots';
import { createHealth } from './health';
import { createDataKeys } from './kms/data-keys';
import { createKeyService, createKmsClient } from './kms/kms-client';
import { createSecretBox, type SecretBox } from './kms/secret-box';
import { acceptEvent } from './outbox/accept';
import { acceptBatch } from './outbox/accept-batch';
import { acceptTest } from './outbox/accept-test';
import { Admission } from './outbox/admission';
import { ControlPokes } from './outbox/control-pokes';
import { EventQuota } from './outbox/event-quota';
import { EventRate } from './outbox/event-rate';
import { OperationalEvents } from './outbox/operational-events';
import { Outbox } from './outbox/outbox';
import { Periodic } from './outbox/periodic';
import { recordTerminations } from './outbox/terminations';
import { createQueueDepths } from './outbox/queue-depths';
import { createAttemptWriter, type AttemptRecord } from './store/attempt-records';
import { createAllWebhooks } from './store/all-webhooks';
import { createApiKeys } from './store/api-keys';
import { createAttempts } from './store/attempts';
import { createAuditList } from './store/audit-list';
import { createClaims } from './store/claims';
import { createControlDues } from './store/control-dues';
import { createDataKeyStore } from './store/data-keys';
import { createDeadLetterFacts } from './store/dead-letter-facts';
import { createDeadLetterHolders } from './store/dead-letter-holders';
import { createDeadLetters } from './store/dead-letters';
import { createDeliveries } from './store/deliveries';
import { createDeliveryChanges } from './store/delivery-changes';
import { createDeliveryEnds, type DeliveryEnds } from './store/delivery-ends';
import { createEventLists } from './store/event-lists';
import { createEvents } from './store/events';
import { createFanOut, type WebhookStanding } from './store/fan-out';
import { AttemptPartitions } from './store/attempt-partitions';
import { createOverview } from './store/overview';
import { createPool } from './store/pool';
import { createPrisma } from './store/prisma';
import { createReplayRuns, type ReplayRuns } from './store/replay-runs';
import { createReplays } from './store/replays';
import { createSlotLeases } from './store/slot-leases';
import { createStandingDeliveries } from './store/standing-deliveries';
import { createQuotas } from './store/quotas';
import { createRateLeases } from './store/rate-leases';
import { createRetention, type Retention } from './store/retention';
import { createTenants } from './store/tenants';
import type { StateChange, StateChanged } from './store/webhook-state';
import { createSecretRotation } from './store/webhook-secrets';
import { createWebhookStats } from './store/webhook-stats';
import { createWaiting } from './store/waiting';
import { createWebhooks } from './store/webhooks';
import type { WebhookIds } from './domain/ids';
import type { Telemetry } from './telemetry/events';
import { createLogger, type Logger } from './telemetry/logger';
import { createMetrics } from './telemetry/metrics';
import type { AttemptInput, AttemptResult } from './temporal/contracts';
import { TemporalLink } from './temporal/link';
import { version } from './version';

/** All that the API needs, and what the worker needs besides. */
export interface Context extends ApiContext {
  readonly config: Config;
  readonly workerPool: Pool;
  readonly temporal: TemporalLink;
  readonly outbox: Outbox;
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
  readonly kmsCredentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function createContext(config: Config, overrides: ContextOverrides = {}): Context {
  const log = overrides.log ?? createLogger({ level: config.LOG_LEVEL });
  const telemetry: Telemetry = { log, metrics: createMetrics() };
  const trustedProxies = createAddressRanges('TRUSTED_PROXY_CIDRS', config.TRUSTED_PROXY_CIDRS);

  const pool = (name: string, url: string) =>
    createPool({
      url,
      name,
      min: config.DB_POOL_MIN,
      max: config.DB_POOL_MAX,
      onLost: (error) => log.warn({ event: 'database.connection_lost', err: error }),
    });
  const servicePool = pool('everhook-svc', config.DATABASE_URL);
  const workerPool = pool('everhook-worker', config.DATABASE_WORKER_URL);
  const servicePrisma = createPrisma(servicePool);
  const workerPrisma = createPrisma(workerPool);

  const kms = createKmsClient({
    region: config.KMS_REGION,
    endpoint: config.KMS_ENDPOINT,
    credentials: overrides.kmsCredentials,
  });
  const keyService = createKeyService({ client: kms, keyId: config.KMS_KEY_ID });
  const secrets = createSecretBox({ dataKeys: createDataKeys({ keyService, store: createDataKeyStore(workerPool) }) });

  const guard = createEgressGuard({ allowHttp: config.EGRESS_ALLOW_HTTP, allowCidrs: config.EGRESS_ALLOW_CIDRS });
  const sender = createHttpSender({ guard, userAgent: `Everhook/${version}`, perOriginConnections: 64 });

  const temporal = new TemporalLink({
    address: config.TEMPORAL_ADDRESS,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    log,
  });
  // A restarted process is another one: what it had claimed before is taken over like anybody's.
  const processId = `${hostname()}:${process.pid}:${randomUUID()}`;
  const deliveryEnds = createDeliveryEnds(workerPool);
  const outbox = new Outbox({
    telemetry,
    claims: createClaims(workerPool),
    deliveryEnds,
    start: (start) => temporal.start(start),
    wake: (deliveryId) => temporal.signal(deliveryId, 'retryNow'),
    claim: { by: processId, forMs: config.OUTBOX_CLAIM_MS },
    concurrency: config.OUTBOX_START_CONCURRENCY,
    sweepIntervalMs: config.RETRY_WORKER_INTERVAL_MS,
  });

  const slots = new Slots({
    leases: createSlotLeases(workerPool, processId),
    onRenewalFailed: (error) => log.warn({ event: 'slots.renewal_failed', err: error }),
    onTaken: (webhookId) => admission.taken(webhookId),
    onFreed: (webhookId) => admission.freed(webhookId),
  });
  const fanOut = createFanOut(workerPool);
  const admission: Admission = new Admission({
    telemetry,
    waiting: createWaiting(workerPool),
    slots,
    outbox,
    async wake(deliveryId) {
      if (!(await temporal.signal(deliveryId, 'resume'))) await fanOut.handToSweep([deliveryId]);
    },
  });

  const control = new ControlPokes({
    telemetry,
    dues: createControlDues(workerPool),
    temporal,
  });
  const changing = { telemetry, workerPrisma, poke: (webhook: WebhookIds) => control.poke(webhook) };
  const sweep = (name: string, everyMs: number, work: () => Promise<unknown>) =>
    new Periodic({ everyMs, work, onError: (error) => log.warn({ event: `${name}.sweep_failed`, err: error }) });
  const terminations = {
    telemetry,
    temporal,
    standing: createStandingDeliveries(workerPool),
    deliveryEnds,
  };
  const sweeps = [
    sweep('control', config.RETRY_WORKER_INTERVAL_MS, () => control.sweep()),
    sweep('missing_controls', config.RETRY_WORKER_INTERVAL_MS * healSweeps, () => control.heal()),
    sweep('terminations', config.RETRY_WORKER_INTERVAL_MS * terminationSweeps, () =>
      recordTerminations(terminations, new Date(Date.now() - terminationsMs)),
    ),
    // Also for a Temporal whose database was lost, and for somebody who deleted it.
    sweep('retention', retentionScheduleMs, () => temporal.ensureRetention()),
  ];
  const quotas = createQuotas(servicePool, servicePrisma);
  const eventQuota = new EventQuota({
    telemetry,
    rate: new EventRate(createRateLeases(workerPool, processId)),
    recordExceeded: (tenantId, quota, limit) => quotas.recordExceeded(tenantId, quota, limit),
  });

  const deliveries = createDeliveries(servicePool);
  const dlqLimit = new DlqLimit({
    telemetry,
    findLargestHolder: createDeadLetterHolders(workerPool),
    pause: (tenantId, webhookId) => pauseForDlq(changing, tenantId, webhookId),
  });
  const events = createEvents(workerPool);
  const queueDepths = createQueueDepths({ count: (webhookId, limit) => events.countQueued(webhookId, limit) });
  const operationalEvents = new OperationalEvents({
    telemetry,
    events,
    outbox,
    queueDepths,
    dlqLimit,
    findDeadLetter: createDeadLetterFacts(workerPool),
  });
  const accepting = { telemetry, events, outbox, queueDepths, dlqLimit, operationalEvents };

  const replayRuns = createReplayRuns(workerPool);
  const catchingUp = {
    telemetry,
    fanOut,
    replayRuns,
    outbox,
    announce: (webhookId: string, standing: WebhookStanding) => operationalEvents.webhookChanged(webhookId, standing),
    signal: (deliveryId: string, signal: 'resume' | 'retryNow') => temporal.signal(deliveryId, signal),
    rate: config.RESUME_RATE_PER_SECOND,
  };

  const partitions = new AttemptPartitions(workerPool, (error) =>
    log.warn({ event: 'database.partitions_missing', err: error }),
  );
  const attempts = createAttempts(workerPool);
  const recorder = new AttemptRecorder({
    write: createAttemptWriter(workerPool),
    onRetry: (error) => log.warn({ event: 'attempt.record_delayed', err: error }),
  });
  const unrecorded = new LRUCache<string, AttemptRecord>({ max: maxUnrecorded });
  return {
    config,
    telemetry,
    workerPool,
    temporal,
    outbox,
    control,
    slots,
    admission,
    sweeps,
    partitions,
    health: createHealth(
      {
        database: async () => void (await workerPool.query('SELECT 1')),
        temporal: () => temporal.check(),
        kms: () => keyService.check(),
      },
      log,
    ),
    accessTokens: createAccessTokens(config.JWT_SECRET),
    gatewayTokens: gatewayTokensOf(config),
    trustedProxies,
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
    quotas,
    webhookStats: createWebhookStats(servicePool),
    allWebhooks: createAllWebhooks(workerPrisma),
    overview: createOverview(workerPool),
    events: createEventLists(servicePool),
    deliveryEnds,
    dlqLimit,
    operationalEvents,
    retention: createRetention(workerPool, {
      days: config.RETENTION_DAYS,
      auditDays: config.AUDIT_RETENTION_DAYS,
    }),
    secrets,
    guard,
    sender,
    takeEvents: (tenantId, count) => eventQuota.take(tenantId, count),
    acceptEvent: (event) => acceptEvent(accepting, event),
    acceptBatch: (tenantId, events) => acceptBatch(accepting, tenantId, events),
    acceptTest: (test) => acceptTest(accepting, test),
    attempt: (input) =>
      attempt(
        {
          telemetry,
          attempts,
          recorder,
          secrets,
          sender,
          slots,
          unrecorded,
          disableGoneWebhook: (tenantId, webhookId) => disableGoneWebhook(changing, tenantId, webhookId),
          pauseFailingWebhook: (tenantId, webhookId) => pauseFailingWebhook(changing, tenantId, webhookId),
        },
        input,
      ),
    replayRuns,
    catchUp: (webhookId, limits) => catchUp(catchingUp, webhookId, limits),
    // The control workflow asks for it, and needs not be told.
    changeState: (change) => changeState({ ...changing, poke: () => {} }, change),
    async close() {
      partitions.stop();
      await inTime(operationalEvents.idle());
      await inTime(Promise.all([admission.stop(), control.stop(), ...sweeps.map((each) => each.stop())]));
      await outbox.stop();
      // Attempts that have not ended by now are made again by another process; what they recorded is kept.
      await sender.close();
      await inTime(recorder.idle());
      await inTime(slots.stop());
      await inTime(eventQuota.idle());
      await inTime(temporal.close());
      await inTime(dlqLimit.stop());
      await inTime(Promise.all([servicePrisma.$disconnect(), workerPrisma.$disconnect()]));
      await inTime(Promise.all([servicePool.end(), workerPool.end()]));
      kms.destroy();
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

/** Control workflows that somebody has ended are looked for every so many sweeps. */
const healSweeps = 60;

/** Terminated workflows are looked for every so many sweeps: that asks Temporal's visibility store. */
const terminationSweeps = 3;

/** Far enough back for a store that is behind, and for a worker that was away for a night. */
const terminationsMs = 24 * 3600 * 1000;

/** The schedule of retention is looked after that often, in milliseconds. */
const retentionScheduleMs = 3_600_000;

/** Attempts whose record failed; those that are never repeated here must not pile up. */
const maxUnrecorded = 10_000;

/** How long one part may take to close, in milliseconds. One that cannot must not keep the others open. */
const closeTimeoutMs = 2_000;

async function inTime(closing: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const late = delay(closeTimeoutMs, undefined, { signal: done.signal }).catch(() => {});
  // What cannot be closed any more is gone already.
  await Promise.race([closing.catch(() => {}), late]);
  done.abort();
}
