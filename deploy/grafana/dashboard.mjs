/** From panels.mjs to what Grafana is provisioned with. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rows } from './panels.mjs';

const width = 24;
const height = { stat: 4, graph: 8 };
const datasource = { type: 'prometheus', uid: 'prometheus' };

export const dashboardFile = join(fileURLToPath(new URL('.', import.meta.url)), 'dashboards', 'everhook.json');

export function dashboard() {
  let y = 0;
  let id = 0;
  const panels = [];
  for (const { title, panels: inRow } of rows) {
    panels.push({ id: ++id, type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y, w: width, h: 1 } });
    y += 1;
    const perLine = inRow.length > 6 ? 4 : inRow.length;
    const w = width / perLine;
    for (const [n, panel] of inRow.entries()) {
      const h = panel.stat ? height.stat : height.graph;
      panels.push(toPanel(panel, ++id, { x: (n % perLine) * w, y: y + Math.floor(n / perLine) * h, w, h }));
    }
    y += Math.ceil(inRow.length / perLine) * (inRow[0].stat ? height.stat : height.graph);
  }
  return {
    uid: 'everhook',
    title: 'Everhook',
    tags: ['everhook'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'utc',
    templating: { list: [] },
    annotations: { list: [] },
    panels,
  };
}

function toPanel({ title, description, unit, stat = false, thresholds = { green: 0 }, series }, id, gridPos) {
  const steps = Object.entries(thresholds).map(([color, value], n) => ({ color, value: n === 0 ? null : value }));
  return {
    id,
    type: stat ? 'stat' : 'timeseries',
    title,
    ...(description !== undefined && { description }),
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: stat
      ? { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value', graphMode: 'area' }
      : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: series.map(([legendFormat, expr], n) => ({
      refId: String.fromCodePoint(65 + n),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(dashboardFile, `${JSON.stringify(dashboard(), null, 2)}\n`);
}
