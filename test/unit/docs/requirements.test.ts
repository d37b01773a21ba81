import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../../src/version';

it('docs/requirements.md names files that there are', () => {
  const page = readFileSync(join(projectFolder, 'docs', 'requirements.md'), 'utf8');
  const named = [...page.matchAll(/`([\w.-]+(?:\/[\w.-]+)+)`/g)].map(([, path = '']) => path);

  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((path) => !existsSync(join(projectFolder, path)))).toEqual([]);
});

it('has every requirement once', () => {
  const page = readFileSync(join(projectFolder, 'docs', 'requirements.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ([A-Z]+-\d+) /gm)].map(([, id = '']) => id);
  const missing = [...page.matchAll(/^Not yet: (.+)$/gm)].flatMap(([, line = '']) => line.match(/\b[A-Z]+-\d+/g) ?? []);
  const ids = [...rows, ...missing];

  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
});
