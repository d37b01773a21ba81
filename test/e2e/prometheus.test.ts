/** A real Prometheus scrapes a running `npm start`, and finds every metric that an alert or a panel names. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { alerts, alertsFile, metricsIn, panelQueries } from '../support/monitoring';
import { Started } from '../support/npm-start';
import { prometheusFolder, startPrometheus, type Prometheus } from '../support/prometheus';
import { waitFor } from '../support/wait-for';

jest.setTimeout(90_000);

if (prometheusFolder === undefined) it.todo('Prometheus could not be had: PROMETHEUS_FOLDER is not set');
const withPrometheus = prometheusFolder === undefined ? describe.skip : describe;

/** Has series only once a request to Temporal has failed. */
const onlyAfterFailure = new Set(['temporal_request_failure']);

withPrometheus('what Prometheus scrapes', () => {
  let dataDir: string;
  let everhook: Started;
  let prometheus: Prometheus;
  let page: string;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'everhook-prometheus-test-'));
    everhook = await Started.start(dataDir).ready();
    await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', everhook.firstDelivery()]);
    const metricsUrl = new URL(everhook.url('Metrics'));
    prometheus = await startPrometheus(
      stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [alertsFile],
        scrape_configs: [{ job_name: 'everhook', static_configs: [{ targets: [metricsUrl.host] }] }],
      }),
    );
    page = await waitFor(async () => {
      const text = await (await fetch(metricsUrl)).text();
      return text.includes('temporal_workflow_completed') && text.includes('hook_task_queue_backlog{') && text;
    }, 'all metrics');
  });

  afterAll(async () => {
    await prometheus?.stop();
    await everhook?.interrupt();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('is taken without an error, and tells of the first delivery', async () => {
    const succeeded = await waitFor(async () => {
      const { result } = await prometheus.get<{ result: { value: [number, string] }[] }>('query', {
        query: 'sum(webhook_deliveries_attempted_total{status="success"})',
      });
      return result[0]?.value[1];
    }, 'the first delivery in Prometheus');
    const { activeTargets } = await prometheus.get<{ activeTargets: { health: string; lastError: string }[] }>(
      'targets',
    );

    expect(succeeded).toBe('1');
    expect(activeTargets).toMatchObject([{ health: 'up', lastError: '' }]);
  });

  it('has every metric that an alert or a panel names', () => {
    const there = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const isThere = (name: string): boolean =>
      there.has(name) || there.has(name.replace(/_(?:bucket|sum|count)$/, '')) || onlyAfterFailure.has(name);
    const named = [...alerts(), ...panelQueries()].flatMap(({ expr }) => metricsIn(expr));

    expect(named.length).toBeGreaterThan(60);
    expect([...new Set(named)].filter((name) => !isThere(name))).toEqual([]);
  });

  it('is understood by every panel and every alert, none of which fires', async () => {
    for (const { expr } of panelQueries()) await prometheus.get('query', { query: expr });
    const rules = await waitFor(async () => {
      const { groups } = await prometheus.get<{
        groups: { rules: { name: string; health: string; state: string }[] }[];
      }>('rules');
      const all = groups.flatMap((group) => group.rules);
      return all.every(({ health }) => health !== 'unknown') && all;
    }, 'the rules to be evaluated');

    expect(rules).toHaveLength(alerts().length);
    expect(rules.filter(({ health, state }) => health !== 'ok' || state === 'firing')).toEqual([]);
  });
});
