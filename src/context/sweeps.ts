/** What a worker looks after from time to time, besides the outbox. */
import type { Pool } from 'pg';
import type { Config } from '../config';
import type { ControlPokes } from '../outbox/control-pokes';
import { endExpired, type ExpiredDeps } from '../outbox/expired';
import { Periodic } from '../outbox/periodic';
import { recordTerminations } from '../outbox/terminations';
import type { DeliveryEnds } from '../store/delivery-ends';
import { createExpire } from '../store/expiry';
import { removeLapsedLeases } from '../store/slot-leases';
import { createStandingDeliveries } from '../store/standing-deliveries';
import type { Telemetry } from '../telemetry/events';
import type { TemporalLink } from '../temporal/link';
import { createStandingSweep } from './standing-sweep';

/** Control workflows that somebody has ended are looked for every so many sweeps. */
const healSweeps = 60;

/** Terminated workflows are looked for every so many sweeps: that asks Temporal's visibility store. */
const terminationSweeps = 3;

/** Far enough back for a store that is behind, and for a worker that was away for a night. */
const terminationsMs = 24 * 3600 * 1000;

/** The schedule of retention is looked after that often, in milliseconds. */
const retentionScheduleMs = 3_600_000;

/** Figures for `/metrics` are counted that often, in milliseconds: they are read every 15 seconds or so. */
const figuresMs = 10_000;

/** What dead workers had leased is removed that often, in milliseconds. */
const slotLeasesMs = 600_000;

export interface SweepParts {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly workerPool: Pool;
  readonly temporal: TemporalLink;
  readonly deliveryEnds: DeliveryEnds;
  readonly control: ControlPokes;
  /** Told of what expired. */
  readonly accepting: Pick<ExpiredDeps, 'dlqLimit' | 'operationalEvents'>;
}

export function createSweeps(parts: SweepParts): readonly Periodic[] {
  const { telemetry, temporal, deliveryEnds, control } = parts;
  const sweepMs = parts.config.RETRY_WORKER_INTERVAL_MS;
  const sweep = (name: string, everyMs: number, work: () => Promise<unknown>): Periodic =>
    new Periodic({
      everyMs,
      work,
      onError: (error) => telemetry.log.warn({ event: `${name}.sweep_failed`, err: error }),
    });
  const standing = createStandingDeliveries(parts.workerPool);
  const { dlqLimit, operationalEvents } = parts.accepting;
  const expired = { telemetry, expire: createExpire(parts.workerPool), dlqLimit, operationalEvents };
  const terminations = { telemetry, temporal, standing, deliveryEnds };

  const figures = createStandingSweep(telemetry, parts.workerPool, temporal);

  return [
    sweep('standing', figuresMs, figures.database),
    sweep('task_queue', figuresMs, figures.temporal),
    sweep('expired', sweepMs, () => endExpired(expired)),
    sweep('control', sweepMs, () => control.sweep()),
    sweep('missing_controls', sweepMs * healSweeps, () => control.heal()),
    sweep('terminations', sweepMs * terminationSweeps, () =>
      recordTerminations(terminations, new Date(Date.now() - terminationsMs)),
    ),
    sweep('slot_leases', slotLeasesMs, () => removeLapsedLeases(parts.workerPool)),
    // Also for a Temporal whose database was lost, and for somebody who deleted it.
    sweep('retention', retentionScheduleMs, () => temporal.ensureRetention()),
  ];
}
