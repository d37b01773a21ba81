#!/usr/bin/env node
/** The `everhook` command. */
import { rotateKms } from './commands/kms-rotate';
import { migrate } from './commands/migrate';
import { rebuild } from './commands/rebuild';
import { StopWish } from './commands/run-service';
import { serve } from './commands/serve';
import { start } from './commands/start';
import { ConfigError } from './config';
import { envExample } from './env-example';
import { version } from './version';

const help = `Usage: everhook <command>

  start         api and worker in one process on embedded Postgres, Temporal and KMS emulator
  api           the HTTP API
  worker        attempts, retries and maintenance
  api worker    both in one process
  migrate       bring the database up to date
  rebuild       start what has not ended again, after Temporal's database was lost
  kms rotate    wrap data keys anew by the KMS key that is set now; docs/kms.md
  env-example   print every setting with its default and reason
  version       print the version

Settings come from the environment; see .env.example.
`;

/** Runs one command; sets the exit code and returns when it has ended. */
export async function main(argv: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    // Asked twice, a person means at once.
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new StopWish(name));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    await run(argv, stop);
  } catch (error) {
    if (!(error instanceof StopWish)) {
      process.exitCode = 1;
      process.stderr.write(`${describeFailure(error)}\n`);
    }
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

async function run(argv: readonly string[], stop: AbortController): Promise<void> {
  switch (argv.join(' ')) {
    case 'start':
      return start({ print, stop });
    case 'api':
      return serve({ api: true, worker: false }, stop);
    case 'worker':
      return serve({ api: false, worker: true }, stop);
    case 'api worker':
    case 'worker api':
      return serve({ api: true, worker: true }, stop);
    case 'migrate':
      return migrate(print);
    case 'rebuild':
      return rebuild({ print, stop });
    case 'kms rotate':
      return rotateKms({ print, stop });
    case 'env-example':
      return print(envExample().trimEnd());
    case 'version':
    case '--version':
      return print(version);
    case '':
    case 'help':
    case '--help':
    case '-h':
      return print(help.trimEnd());
    default:
      throw new ConfigError(`There is no command "${argv.join(' ')}"; everhook help lists them.`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What is in the user's hands is said in a sentence; anything else is a defect and shows where it came from. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isPlain = error instanceof ConfigError || error.constructor === Error;
  return isPlain ? `Everhook: ${error.message}` : `Everhook: ${error.stack ?? error.message}`;
}

if (require.main === module) void main(process.argv.slice(2)).then(() => process.exit());
