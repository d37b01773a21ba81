/** What a log line may show of a value: fields that are secret by their names are masked, and secrets in texts. */
import { isSecretFieldName, redactedMask, redactText } from './redact';

/** Deeper objects are not logged. */
const maxDepth = 6;

/** Names are few; those that a stranger makes up must not pile up. */
const maxNames = 2_000;

const secrecyByName = new Map<string, boolean>();

/** @returns the object itself when nothing of it is secret, else a copy */
export function maskFields(object: Record<string, unknown>): Record<string, unknown> {
  return maskObject(object, 0);
}

/** An error by its name, message and stack, with its causes and whatever fields it has; anything else as it is logged. */
export function maskValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '[too deep]';
  if (value instanceof Error) return maskObject(fieldsOfError(value), depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return maskList(value, depth);
  const shown = asJson(value);
  return shown === value ? maskObject(value as Record<string, unknown>, depth) : maskValue(shown, depth + 1);
}

function maskObject(object: Record<string, unknown>, depth: number): Record<string, unknown> {
  let masked: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(object)) {
    const shown = isSecret(name) && isGiven(value) ? redactedMask : maskValue(value, depth + 1);
    if (shown === value) continue;
    masked ??= { ...object };
    masked[name] = shown;
  }
  return masked ?? object;
}

function maskList(list: readonly unknown[], depth: number): readonly unknown[] {
  const shown = list.map((item) => maskValue(item, depth + 1));
  return shown.every((item, at) => item === list[at]) ? list : shown;
}

/** The fields that make an error what it is cannot be enumerated. */
function fieldsOfError(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const others = Object.fromEntries(Object.entries(error));
  return {
    type: error.constructor?.name || name,
    message,
    stack,
    ...(cause !== undefined && { cause }),
    ...(error instanceof AggregateError && { errors: error.errors as unknown[] }),
    ...others,
  };
}

function asJson(value: object): unknown {
  return 'toJSON' in value && typeof value.toJSON === 'function' ? (value.toJSON() as unknown) : value;
}

function isSecret(name: string): boolean {
  const known = secrecyByName.get(name);
  if (known !== undefined) return known;
  const secret = isSecretFieldName(name);
  if (secrecyByName.size < maxNames) secrecyByName.set(name, secret);
  return secret;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
