/** What brings accepted deliveries on their way: claims, lanes, slots, admission, and the pokes of control workflows. */
import type { Pool } from 'pg';
import type { Config } from '../config';
import type { AttemptCall } from '../delivery/attempt';
import { Slots } from '../delivery/slots';
import { Admission } from '../outbox/admission';
import { ControlPokes } from '../outbox/control-pokes';
import { DirectLane } from '../outbox/direct-lane';
import { createLanes, type Lanes } from '../outbox/lanes';
import { Outbox } from '../outbox/outbox';
import { createClaims } from '../store/claims';
import { createControlDues } from '../store/control-dues';
import { createDeliveryEnds, type DeliveryEnds } from '../store/delivery-ends';
import { createDirectClaims } from '../store/direct-claims';
import { createFanOut, type FanOut } from '../store/fan-out';
import { createSlotLeases } from '../store/slot-leases';
import { createWaiting } from '../store/waiting';
import type { Telemetry } from '../telemetry/events';
import type { AttemptResult } from '../temporal/contracts';
import type { TemporalLink } from '../temporal/link';

export interface Dispatch {
  readonly deliveryEnds: DeliveryEnds;
  readonly outbox: Outbox;
  readonly direct: DirectLane;
  readonly lanes: Lanes;
  readonly slots: Slots;
  readonly fanOut: FanOut;
  readonly admission: Admission;
  readonly control: ControlPokes;
}

export interface DispatchParts {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly workerPool: Pool;
  readonly temporal: TemporalLink;
  /** Whose claims and leases they are. */
  readonly processId: string;
  readonly attempt: (call: AttemptCall) => Promise<AttemptResult>;
}

export function createDispatch(parts: DispatchParts): Dispatch {
  const { config, telemetry, workerPool, temporal, processId } = parts;
  const claim = { by: processId, forMs: config.OUTBOX_CLAIM_MS };
  const deliveryEnds = createDeliveryEnds(workerPool);
  const outbox = new Outbox({
    telemetry,
    claims: createClaims(workerPool),
    deliveryEnds,
    start: (start) => temporal.start(start),
    taskBacklog: () => temporal.backlog('workflow'),
    wake: (deliveryId) => temporal.signal(deliveryId, 'retryNow'),
    claim,
    concurrency: config.OUTBOX_START_CONCURRENCY,
    sweepIntervalMs: config.RETRY_WORKER_INTERVAL_MS,
  });

  const direct = new DirectLane({
    telemetry,
    attempt: parts.attempt,
    outbox,
    claims: createDirectClaims(workerPool, (error) =>
      telemetry.log.warn({ event: 'direct.listen_failed', err: error }),
    ),
    claim,
    concurrency: config.DIRECT_CONCURRENCY,
  });
  const lanes = createLanes(outbox, direct);

  const slots = new Slots({
    leases: createSlotLeases(workerPool, processId),
    leaseMs: config.SLOT_LEASE_MS,
    onRenewalFailed: (error) => telemetry.log.warn({ event: 'slots.renewal_failed', err: error }),
    onTaken: (place) => admission.taken(place),
    onFreed: (place) => admission.freed(place),
  });
  const fanOut = createFanOut(workerPool);
  const admission: Admission = new Admission({
    telemetry,
    waiting: createWaiting(workerPool),
    slots,
    lanes,
    async wake(deliveryId) {
      if (!(await temporal.signal(deliveryId, 'resume'))) await fanOut.handToSweep([deliveryId]);
    },
  });

  const control = new ControlPokes({ telemetry, dues: createControlDues(workerPool), temporal });
  return { deliveryEnds, outbox, direct, lanes, slots, fanOut, admission, control };
}
