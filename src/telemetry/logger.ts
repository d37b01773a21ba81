/** The process's logger: one JSON object a line. A net for secrets: fields that are secret by their names are masked. */
import pino, { type DestinationStream, type LogFn, type Logger } from 'pino';
import { maskFields, serializeError } from './mask-fields';
import { redactText } from './redact';

export type { Logger };

/** Pino takes the message of an error for that of a line which has none. */
function withMaskedMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [fact, message] = args as [unknown, unknown?];
  const error = message === undefined ? (fact as { err?: unknown } | undefined)?.err : undefined;
  if (error instanceof Error) method.call(this, fact, redactText(error.message));
  else method.apply(this, args);
}

export function createLogger(options: { level: string; destination?: DestinationStream }): Logger {
  const { level, destination } = options;
  const settings = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: maskFields },
    serializers: { err: serializeError },
    hooks: { logMethod: withMaskedMessage },
  };
  return destination ? pino(settings, destination) : pino(settings);
}
