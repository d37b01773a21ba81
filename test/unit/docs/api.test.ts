import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorTable } from '../../../src/domain/errors';
import { projectFolder } from '../../../src/version';

it('docs/api.md lists every error as the code has it, and no other', () => {
  const expected = Object.entries(errorTable).map(
    ([code, { status, publicMessage }]) => `| ${status} | \`${code}\` | ${publicMessage} |`,
  );

  const page = readFileSync(join(projectFolder, 'docs', 'api.md'), 'utf8').replaceAll(/ +/g, ' ');
  const listed = page.split('\n').filter((line) => /^\| \d{3} \|/.test(line));

  expect(listed).toEqual(expected);
});
