/** The process's logger: one JSON object a line, with the names of secret fields masked wherever they stand. */
import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** Fields that never reach a log line, whatever object they come in with. */
const secretPaths = ['authorization', 'secret', 'client_secret', 'password', 'token', 'access_token'].flatMap(
  (name) => [name, `*.${name}`],
);

export function createLogger(options: { level: string; destination?: DestinationStream }): Logger {
  const { level, destination } = options;
  const settings = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretPaths, censor: '***REDACTED***' },
  };
  return destination ? pino(settings, destination) : pino(settings);
}
