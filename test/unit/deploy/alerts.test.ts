/** Alerts and dashboard are whole: tested both ways, in the runbook, and made from the panels that are written down. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execFileSync } from 'node:child_process';
import { projectFolder } from '../../../src/version';
import { alertCases, alerts, alertsFile, dashboardText } from '../../support/monitoring';
import { prometheusFolder, promtool } from '../../support/prometheus';

const runbook = readFileSync(join(projectFolder, 'docs', 'runbook.md'), 'utf8');

if (prometheusFolder === undefined) it.todo('promtool could not be had: PROMETHEUS_FOLDER is not set');
const withPromtool = prometheusFolder === undefined ? describe.skip : describe;

withPromtool('promtool', () => {
  it('finds the rules well-formed, and every case as it says', async () => {
    expect(await promtool('check', 'rules', alertsFile)).toContain(`${alerts().length} rules found`);
    expect(await promtool('check', 'config', join(dirname(alertsFile), 'prometheus.yml'))).toContain('SUCCESS');
    expect(await promtool('test', 'rules', join(dirname(alertsFile), 'alerts.test.yml'))).toContain('SUCCESS');
  });
});

it.each(alerts().map(({ alert, annotations }) => [alert, annotations.runbook_url]))(
  '%s has a case in which it fires, one in which it does not, and a section of the runbook',
  (alert, runbookUrl) => {
    const expected = alertCases()
      .flatMap((one) => one.alert_rule_test)
      .filter(({ alertname }) => alertname === alert)
      .map(({ exp_alerts }) => exp_alerts.length > 0);

    expect(expected).toContain(true);
    expect(expected).toContain(false);
    expect(runbookUrl).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    expect(runbook).toContain(`\n## ${alert}\n`);
  },
);

it('the runbook has no section of an alert that there is not', () => {
  const sections = [...runbook.matchAll(/^## (Everhook\w+)$/gm)].map(([, name]) => name);

  expect(sections.toSorted()).toEqual(
    alerts()
      .map(({ alert }) => alert)
      .toSorted(),
  );
});

it('the dashboard is what npm run dashboard makes of the panels', () => {
  const module = pathToFileURL(join(projectFolder, 'deploy', 'grafana', 'dashboard.mjs')).href;
  const script = `import(${JSON.stringify(module)}).then(({ dashboard }) => console.log(JSON.stringify(dashboard())))`;
  const made = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });

  expect(JSON.parse(dashboardText())).toEqual(JSON.parse(made));
});
