/** The process's logger: one JSON object a line. A net for secrets: fields of these names are masked. */
import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** Masked at the top of a line and one level down; deeper ones, or other spellings, must not be logged at all. */
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
