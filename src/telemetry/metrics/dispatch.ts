/** How a process starts what was accepted. */
import { Counter, Gauge, type Registry } from 'prom-client';

export function dispatchMetrics(registers: Registry[]) {
  return {
    starts: new Counter({
      name: 'hook_workflow_starts_total',
      help: 'Workflow starts, by result',
      labelNames: ['result'],
      registers,
    }),
    startBacklog: new Gauge({
      name: 'hook_workflow_start_backlog',
      help: 'Accepted deliveries in this process whose workflow is yet to be started',
      registers,
    }),
    directBacklog: new Gauge({
      name: 'hook_direct_backlog',
      help: 'Accepted deliveries of the direct lane in this process whose first attempt is yet to be made',
      registers,
    }),
    workerStatus: new Gauge({
      name: 'hook_worker_status',
      help: 'Whether the Temporal worker of this process polls (1) or not (0); absent without the role worker',
      labelNames: ['task_queue'],
      registers,
    }),
  };
}
