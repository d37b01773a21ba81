/** docs/observability.md lists every metric and every event of the log, and none that there is not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMetrics } from '../../../src/telemetry/metrics';
import { poolMetrics } from '../../../src/telemetry/metrics/pools';
import { projectFolder } from '../../../src/version';

const page = readFileSync(join(projectFolder, 'docs', 'observability.md'), 'utf8');

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

it('lists the metrics with their labels and meanings', async () => {
  const { registry } = createMetrics();
  for (const metric of poolMetrics({}, 0)) registry.registerMetric(metric);
  const described = (await registry.getMetricsAsJSON()).map(({ name }) => registry.getSingleMetric(name)) as unknown[];
  const expected = (described as Described[])
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, help, labelNames = [] }) => {
      const labels = labelNames.filter((label) => label !== 'le').map((label) => `\`${label}\``);
      return ['', `\`${name}\``, labels.join(', '), help, ''];
    });

  const shown = page
    .split('\n')
    .filter((line) => /^\| `(?:hook|webhook)_/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  expect(shown).toEqual(expected);
});

function sources(folder: string): string[] {
  return readdirSync(join(projectFolder, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

it('lists the events of the log', () => {
  const named = ['src', 'activities'].flatMap(sources).flatMap((path) => {
    const text = readFileSync(join(projectFolder, path), 'utf8');
    return [
      ...text.matchAll(/event: '([a-z_.]+)'/g),
      ...text.matchAll(/'((?:direct|outbox|control)\.[a-z_]+_failed)'/g),
    ];
  });
  const expected = [...new Set(named.map(([, name]) => name))].toSorted();

  const shown = [...page.matchAll(/^\| `([a-z_]+\.[a-z_]+)` /gm)].map(([, name]) => name);

  expect(shown.toSorted()).toEqual(expected);
});
