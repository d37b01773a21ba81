/** What accepting an event asks and tells: quotas, depths of queues, the limit of dead letters, operational events. */
import type { ChangeStateDeps } from '../delivery/change-state';
import { DlqLimit, pauseForDlq } from '../delivery/dlq-limit';
import type { AcceptDeps } from '../outbox/accept';
import { EventQuota } from '../outbox/event-quota';
import { EventRate } from '../outbox/event-rate';
import { OperationalEvents } from '../outbox/operational-events';
import type { Lanes } from '../outbox/lanes';
import { createQueueDepths } from '../outbox/queue-depths';
import { createDeadLetterFacts } from '../store/dead-letter-facts';
import { createDeadLetterHolders } from '../store/dead-letter-holders';
import { createEvents } from '../store/events';
import { createQuotas, type Quotas } from '../store/quotas';
import { createRateLeases } from '../store/rate-leases';
import type { Telemetry } from '../telemetry/events';

import type { Databases } from './databases';

export interface Accepting extends AcceptDeps {
  readonly dlqLimit: DlqLimit;
  readonly operationalEvents: OperationalEvents;
  readonly quotas: Quotas;
  readonly eventQuota: EventQuota;
}

export interface AcceptingParts {
  readonly telemetry: Telemetry;
  readonly databases: Databases;
  readonly lanes: Lanes;
  readonly changing: ChangeStateDeps;
  /** Whose share of a tenant's rate it is. */
  readonly processId: string;
}

export function createAccepting({ telemetry, databases, lanes, changing, processId }: AcceptingParts): Accepting {
  const { servicePool, servicePrisma, workerPool } = databases;
  const quotas = createQuotas(servicePool, servicePrisma);
  const eventQuota = new EventQuota({
    telemetry,
    rate: new EventRate(createRateLeases(workerPool, processId)),
    recordExceeded: (tenantId, quota, limit) => quotas.recordExceeded(tenantId, quota, limit),
  });
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
    lanes,
    queueDepths,
    dlqLimit,
    findDeadLetter: createDeadLetterFacts(workerPool),
  });
  return { telemetry, events, lanes, queueDepths, dlqLimit, operationalEvents, quotas, eventQuota };
}
