import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../../src/version';
import { readMeasured } from '../../bench/plan/measured';
import { planTable } from '../../bench/plan/table';

const cellsOf = (line: string): string[] => line.split('|').map((cell) => cell.trim());

it('docs/scaling.md plans with what was measured last', () => {
  const page = readFileSync(join(projectFolder, 'docs', 'scaling.md'), 'utf8').split('\n');
  const begin = page.findIndex((line) => /^\| lane +\| deliveries\/s /.test(line));
  const expected = planTable(readMeasured()).map(cellsOf);

  const shown = page.slice(begin, begin + expected.length).map(cellsOf);

  // The second line only says where the head ends.
  expect([shown[0], ...shown.slice(2)]).toEqual([expected[0], ...expected.slice(2)]);
});
