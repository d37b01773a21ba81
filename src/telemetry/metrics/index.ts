/**
 * Our Prometheus metrics. Each process has one registry of its own; nothing is registered globally,
 * so that several systems can run in one process, as tests do.
 */
import { Registry } from 'prom-client';
import { BoundedLabel } from './bounded-label';
import { deliveryMetrics } from './deliveries';
import { dispatchMetrics } from './dispatch';
import { serverMetrics } from './servers';
import { standingMetrics } from './standing';

/** Types of events that have series of their own. */
const maxEventTypes = 100;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    eventTypes: new BoundedLabel(maxEventTypes),
    ...deliveryMetrics(registers),
    ...dispatchMetrics(registers),
    ...standingMetrics(registers),
    ...serverMetrics(registers),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
