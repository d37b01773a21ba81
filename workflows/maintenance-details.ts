/** What staff read about a run of retention in the Temporal UI. Markdown. */
import { retentionSteps, type MaintenanceStatus, type RetentionStep } from '../src/temporal/contracts';

const names: Record<RetentionStep, string> = {
  deliveries: 'Deliveries that ended long ago',
  partitions: 'Days of attempts, as whole partitions',
  attempts: 'Attempts left over in partitions that stay',
  events: 'Events without deliveries',
  replays: 'Replays of many that ended',
  auditLogs: 'Rows of the audit log',
};

export function renderMaintenanceDetails(status: MaintenanceStatus): string {
  const rows = retentionSteps.map((step) => `| ${names[step]} | ${status[step].state} | ${status[step].removed} |`);
  const table = ['| What | State | Removed |', '|---|---|---|', ...rows].join('\n');
  return `${table}\n\n_Nothing to do: what fails or is left over is the next run's. It can be terminated at any time._`;
}
