/** What the documents tell people to run, in trouble above all, is run. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { projectFolder } from '../../src/version';
import { sharedServers } from '../support/shared-servers';
import { adminToken, TestSystem, type TestTenant } from '../support/system';

let system: TestSystem;
let tenant: TestTenant;
/** Of the OpenAPI document, with a star for each parameter. */
let known: string[];

beforeAll(async () => {
  system = await TestSystem.start();
  tenant = await system.createTenant();
  const { body } = await system.call('GET', '/openapi.json');
  known = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${shapeOf(path)}`),
  );
});

afterAll(() => system.stop());

const pages = [
  ...readdirSync(projectFolder).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(projectFolder, 'docs')).flatMap((name) => (name.endsWith('.md') ? [join('docs', name)] : [])),
].map((path) => join(projectFolder, path));

const shapeOf = (path: string): string => path.replaceAll(/:\w+|\{\w+\}/g, '*').replace(/\/$/, '');

/** What matches in the pages, each once, with the page that has it first. */
function found(pattern: RegExp): [command: string, page: string][] {
  const commands = new Map<string, string>();
  for (const page of pages) {
    for (const [, command = ''] of readFileSync(page, 'utf8').matchAll(pattern)) {
      const line = command.replaceAll(/\s+/g, ' ').trim();
      if (!commands.has(line)) commands.set(line, relative(projectFolder, page));
    }
  }
  return [...commands];
}

const queries = found(/psql "\$DB" -c "([^"]+)"/g);
const reads = found(/(?:api|curl [^\n]*) "\$EVERHOOK(\/[^"]*)"/g);
/** The metrics have a port of their own. */
const routes = found(/`((?:GET|POST|PATCH|PUT|DELETE) \/(?!metrics)[^`]*)`/g);
const scripts = found(/npm run ([a-z:-]+)/g);
const temporalCommands = found(/(temporal (?:task-queue|operator cluster) [^`\n;|]+)/g);

it('there are some of each kind', () => {
  const counts = [queries, reads, routes, scripts, temporalCommands].map(({ length }) => length);

  expect(Math.min(...counts)).toBeGreaterThan(1);
});

it.each(queries)('%s (%s)', async (sql) => {
  await expect(system.database.query(sql)).resolves.toBeInstanceOf(Array);
});

it.each(reads)('GET %s (%s)', async (path) => {
  const token = path.startsWith('/v1/dlq') ? tenant.token : adminToken;
  const { status } = await system.call('GET', path.replace('TENANT', tenant.id), { token });

  // Temporal was never reached here, which is what /ready is asked for.
  expect(status).toBe(path === '/ready' ? 503 : 200);
});

it.each(routes)('%s (%s)', (route) => {
  const [method = '', path = ''] = route.replaceAll(/<[^>]*>/g, ':id').split(' ');

  expect(known).toContain(`${method} ${shapeOf(path.replace(/\?.*$/, ''))}`);
});

it.each(scripts)('npm run %s (%s)', (name) => {
  const { scripts: there } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };

  expect(Object.keys(there)).toContain(name);
});

it.each(temporalCommands)('%s (%s)', async (command) => {
  const [, ...args] = command.split(' ');
  const { stdout } = await promisify(execFile)(String(process.env['TEMPORAL_CLI_PATH']), [
    ...args,
    '--address',
    sharedServers().temporalAddress,
  ]);

  expect(stdout).not.toBe('');
});
