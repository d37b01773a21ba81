/** The pictures of docs/support.md are there, and none is left over. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../../../src/version';

const docs = join(projectFolder, 'docs');
const folder = join(docs, 'images', 'support');
const shown = [...readFileSync(join(docs, 'support.md'), 'utf8').matchAll(/!\[[^\]]+\]\(images\/support\/([^)]+)\)/g)];

it('shows every picture that is taken, and no other', () => {
  expect(shown.map(([, file]) => file).sort()).toEqual(readdirSync(folder).sort());
});

it('has pictures that a clone carries easily', () => {
  const bytes = readdirSync(folder).map((file) => statSync(join(folder, file)).size);

  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_000_000);
});
