/**
 * The part of a response that support staff may see.
 * It comes from a stranger: bounded, free of control characters, and without values that look secret.
 */
import { redactText } from '../telemetry/redact';

const maxPreviewLength = 512;

const decoder = new TextDecoder();

/**
 * @param mask what takes the webhook's own secrets out of a text
 * @returns at most 512 characters of text that Postgres, logs and terminals can hold
 */
export function responseBodyPreview(body: Buffer, mask: (text: string) => string): string {
  if (body.length === 0) return '';
  // More than is shown, because masking shortens the text; a fixed amount, because redaction costs time per byte.
  const text = decoder.decode(body.subarray(0, 8 * maxPreviewLength));
  return cut(redactText(mask(replaceControls(text))));
}

/** Controls, line and paragraph separators, and the marks that reverse the direction of text around them. */
function replaceControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ');
}

function cut(text: string): string {
  const kept = text.slice(0, maxPreviewLength);
  // Half of a surrogate pair is no character and the database refuses it.
  return /[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept;
}
