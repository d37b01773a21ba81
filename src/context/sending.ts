/** What one attempt needs, from the row it loads to the row it writes. */
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import type { AttemptDeps } from '../delivery/attempt';
import { AttemptRecorder } from '../delivery/attempt-recorder';
import type { ChangeStateDeps } from '../delivery/change-state';
import type { EgressGuard } from '../egress/egress-guard';
import { pauseFailingWebhook } from '../delivery/failing-webhook';
import { disableGoneWebhook } from '../delivery/gone-webhook';
import { createHttpSender, type HttpSender } from '../delivery/http-sender';
import type { Slots } from '../delivery/slots';
import type { SecretBox } from '../kms/secret-box';
import { createAttemptWriter, type AttemptRecord } from '../store/attempt-records';
import { createAttempts } from '../store/attempts';
import type { Telemetry } from '../telemetry/events';
import { version } from '../version';

/** Attempts whose record failed; those that are never repeated here must not pile up. */
const maxUnrecorded = 10_000;

export interface Sending extends AttemptDeps {
  readonly sender: HttpSender;
  readonly recorder: AttemptRecorder;
}

export interface SendingParts {
  readonly telemetry: Telemetry;
  readonly workerPool: Pool;
  readonly guard: EgressGuard;
  readonly secrets: SecretBox;
  readonly slots: Slots;
  readonly changing: ChangeStateDeps;
}

export function createSending({ telemetry, workerPool, guard, secrets, slots, changing }: SendingParts): Sending {
  return {
    telemetry,
    attempts: createAttempts(workerPool),
    recorder: new AttemptRecorder({
      write: createAttemptWriter(workerPool),
      onRetry: (error) => telemetry.log.warn({ event: 'attempt.record_delayed', err: error }),
    }),
    secrets,
    sender: createHttpSender({ guard, userAgent: `Everhook/${version}`, perOriginConnections: 64 }),
    slots,
    unrecorded: new LRUCache<string, AttemptRecord>({ max: maxUnrecorded }),
    disableGoneWebhook: (tenantId, webhookId) => disableGoneWebhook(changing, tenantId, webhookId),
    pauseFailingWebhook: (tenantId, webhookId) => pauseFailingWebhook(changing, tenantId, webhookId),
  };
}
