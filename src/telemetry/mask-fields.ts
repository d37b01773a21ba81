/** Masks the fields of an object that are secret by their names, and the texts of errors, before it is logged. */
import pino from 'pino';
import { isSecretFieldName, redactedMask, redactText } from './redact';

/** Deeper objects are not logged. */
const maxDepth = 6;

/** Names are few; those that a stranger makes up must not pile up. */
const maxNames = 2_000;

const secrecyByName = new Map<string, boolean>();

/** @returns the object itself when nothing of it is secret, else a copy */
export function maskFields(object: Record<string, unknown>): Record<string, unknown> {
  return mask(object, 0);
}

/** As pino shows errors, without secrets in their texts and fields. */
export function serializeError(error: Error): Record<string, unknown> {
  const shown = pino.stdSerializers.err(error) as unknown as Record<string, unknown>;
  const texts = Object.entries(shown).map(([name, value]) => [
    name,
    typeof value === 'string' ? redactText(value) : value,
  ]);
  return mask(Object.fromEntries(texts) as Record<string, unknown>, 0);
}

function mask(object: Record<string, unknown>, depth: number): Record<string, unknown> {
  let masked: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(object)) {
    const shown = isSecret(name) && isGiven(value) ? redactedMask : maskValue(value, depth);
    if (shown === value) continue;
    masked ??= { ...object };
    masked[name] = shown;
  }
  return masked ?? object;
}

function maskValue(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) {
    const shown = value.map((item: unknown) => maskValue(item, depth + 1));
    return shown.every((item, at) => item === value[at]) ? value : shown;
  }
  if (!isPlain(value)) return value;
  return depth >= maxDepth ? '[too deep]' : mask(value, depth + 1);
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

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
