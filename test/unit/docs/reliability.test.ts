/** The report of the fault suite is what its results say, and they say that nothing was lost. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../../src/version';
import type { Result } from '../../chaos/play';
import { reportLines, violations } from '../../chaos/report';

const folder = join(projectFolder, 'docs', 'reliability');
const results = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Result);

it('docs/reliability/report.md has the results, whatever their order', () => {
  const written = readFileSync(join(folder, 'report.md'), 'utf8').trim().split('\n');

  expect(written.toSorted()).toEqual(reportLines(results).toSorted());
});

it('no result breaks what must hold', () => {
  expect(results.flatMap(violations)).toEqual([]);
});
