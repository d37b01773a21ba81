/**
 * The process's logger: one JSON object a line. A net for secrets: fields that are secret by their names are
 * masked, and secrets in texts. No line can steer the terminal it is read on.
 */
import { format } from 'node:util';
import pino, { type DestinationStream, type LogFn, type Logger } from 'pino';
import { maskFields, maskValue } from './mask';
import { redactText } from './redact';
import { traceFields } from './spans';

export type { Logger };

/** Pino masks the fields of a line; its message is left to us. */
function maskMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, ...rest] = args as unknown[];
  if (typeof first === 'object') {
    const fact = first instanceof Error ? { err: first } : first;
    method.call(this, fact, rest.length > 0 ? messageOf(rest) : messageOfError(fact));
  } else {
    method.call(this, messageOf([first, ...rest]));
  }
}

/** @param parts a message and the values for its placeholders */
function messageOf([message, ...values]: readonly unknown[]): string {
  return redactText(format(message, ...values.map((value) => maskValue(value))));
}

/** For a line that has no message of its own. Pino would take it as it is. */
function messageOfError(fact: { err?: unknown } | null): string | undefined {
  const message = (fact?.err as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' ? redactText(message) : undefined;
}

/** JSON leaves them as they are: C1 controls, separators of lines, and marks that turn the direction of text. */
const steering = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escapeSteering(line: string): string {
  return line.replace(steering, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function createLogger(options: { level: string; destination?: DestinationStream }): Logger {
  const { level, destination } = options;
  const settings: pino.LoggerOptions = {
    level,
    base: null,
    mixin: traceFields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: maskFields },
    // Errors are masked with the other fields, before serializers see them.
    serializers: { err: (error: unknown) => maskValue(error) },
    hooks: { logMethod: maskMessage, streamWrite: escapeSteering },
  };
  return destination ? pino(settings, destination) : pino(settings);
}
