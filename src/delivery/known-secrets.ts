/**
 * A receiver may send back what it was sent: echo servers and error pages do. What of its answer is shown to
 * people must not hold the webhook's own secrets.
 */
import { isSecretFieldName, redactedMask, redactText } from '../telemetry/redact';

/** Shorter values are found in any text, and masking those would say nothing but tell their length. */
const minLength = 6;

/** @returns a function that masks these values, as they are or as JSON spells them */
export function maskKnown(secrets: readonly string[]): (text: string) => string {
  const values = secrets.filter((secret) => secret.length >= minLength);
  const spellings = new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]));
  // The longest first: one may be a part of another.
  const ordered = [...spellings].toSorted((a, b) => b.length - a.length);
  return (text) => ordered.reduce((masked, spelling) => masked.replaceAll(spelling, redactedMask), text);
}

/** The headers of an answer as people may see them. */
export function maskHeaders(
  headers: Readonly<Record<string, string>>,
  mask: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      isSecretFieldName(name) ? redactedMask : redactText(mask(value)),
    ]),
  );
}
