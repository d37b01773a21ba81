/** What deploy/prometheus and deploy/grafana ask for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectFolder } from '../../src/version';

export const alertsFile = join(projectFolder, 'deploy', 'prometheus', 'alerts.yml');

const read = (...path: string[]): string => readFileSync(join(projectFolder, 'deploy', ...path), 'utf8');

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

export function alerts(): Alert[] {
  const { groups } = parse(read('prometheus', 'alerts.yml')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export interface AlertCase {
  readonly name: string;
  readonly alert_rule_test: { readonly alertname: string; readonly exp_alerts: unknown[] }[];
}

export const alertCases = (): AlertCase[] =>
  (parse(read('prometheus', 'alerts.test.yml')) as { tests: AlertCase[] }).tests;

interface Dashboard {
  readonly panels: { readonly title: string; readonly targets?: { readonly expr: string }[] }[];
}

export const dashboardText = (): string => read('grafana', 'dashboards', 'everhook.json');

/** What the panels of the dashboard query, with the interval that Grafana would put in. */
export function panelQueries(): { readonly title: string; readonly expr: string }[] {
  const { panels } = JSON.parse(dashboardText()) as Dashboard;
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr: expr.replaceAll('$__rate_interval', '1m') })),
  );
}

/** Names of metrics in a query; those of histograms with their endings. */
export function metricsIn(expr: string): string[] {
  return expr.match(/\b(?:webhook|hook|temporal|process|nodejs)_[a-z0-9_]+/g) ?? [];
}
