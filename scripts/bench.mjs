/**
 * `npm run bench:<name>`, `npm run chaos` and `npm run drill`: gets the Temporal server that it needs, compiles the sources with the
 * measurements into dist.bench and runs one of them on the compiled code, as production does. `npm run setup` must have
 * run before.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runVisibly } from './child-process.mjs';
import { repositoryRoot, runAsCommand } from './command.mjs';
import { resolveTemporalCli } from './temporal-cli.mjs';
import { resolveTemporalServer } from './temporal-server.mjs';

/** Those that are not beside the others. */
const programs = { chaos: ['chaos', 'run.js'], drill: ['chaos', 'drill.js'] };

async function bench() {
  const [name, ...args] = process.argv.slice(2);
  const tsc = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = { cwd: repositoryRoot };
  process.env.TEMPORAL_CLI_PATH = await resolveTemporalCli();
  if (name === 'temporal' || args.join(' ').includes('--temporal postgres')) {
    process.env.TEMPORAL_SERVER_FOLDER = await resolveTemporalServer();
  }
  // A source that has been moved since would be found where it was.
  for (const folder of ['src', 'test'])
    rmSync(join(repositoryRoot, 'dist.bench', folder), { recursive: true, force: true });
  const compiled = await runVisibly(process.execPath, [tsc, '-p', 'tsconfig.bench.json'], options);
  const program = join(repositoryRoot, 'dist.bench', 'test', ...(programs[name] ?? ['bench', `${name}.js`]));
  process.exitCode = compiled === 0 ? await runVisibly(process.execPath, [program, ...args], options) : compiled;
}

// Long enough for the measurement to stop the servers it started.
runAsCommand(import.meta.url, bench, { graceMs: 15_000 });
